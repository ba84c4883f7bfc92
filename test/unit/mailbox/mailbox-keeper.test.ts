import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { privateKeyOfSeed } from '../../../daemon/identity/ed25519.ts'
import { MAILBOX_PROTOCOL, MAILBOX_STREAM } from '../../../daemon/mailbox/mailbox-frames.ts'
import { MailboxKeeper } from '../../../daemon/mailbox/mailbox-keeper.ts'
import { MailboxVisit } from '../../../daemon/mailbox/mailbox-visit.ts'
import type { FrameStream } from '../../../daemon/network/network.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { Person } from '../master/people.ts'
import { eventually, failureOf, Temporary } from '../master/temporary.ts'
import { TestNetworks } from '../network/test-networks.ts'

const networks = new TestNetworks()
const temporary = new Temporary()
afterEach(async () => {
  await temporary.undo()
  await networks.stopAll()
})

const ANN = new Person('Ann')
const STRANGER = new Person('Eve')
const keyOf = (name: string) => privateKeyOfSeed(createHash('sha256').update(name).digest())
const laptopOf = ({ name }: Person) => keyOf(`${name}/laptop`)
const bytes = (byte: number, length = 32) => new Uint8Array(length).fill(byte)
const ID = bytes(1)
const SEED = bytes(2)

const REGISTERED = {
  devices: [ANN.document(), ANN.document({ device: 'stolen' })],
  records: [{ kind: 'entry', bytes: ANN.revocation(1, 'stolen') }],
} as const

async function world(mailboxBytes = 100_000) {
  const [keeperNet, memberNet] = [await networks.start(), await networks.start()]
  const counted = new Map<string, number>()
  const keeper = new MailboxKeeper({
    network: keeperNet,
    folder: temporary.folder(),
    find: async (did) => (did === ANN.did ? REGISTERED : undefined),
    now: () => 1_000,
    count: (name, by = 1) => counted.set(name, (counted.get(name) ?? 0) + by),
    quotas: { mailboxBytes, ownerBytes: 1e6, allBytes: 1e6, keptMs: 1e6 },
  })
  keeper.start()
  temporary.after(() => keeper.stop())
  const begin = (network = memberNet) =>
    MailboxVisit.begin(network, keeperNet.target(), (n) => bytes(5, n), new AbortController().signal)
  const open = () => memberNet.open(keeperNet.target(), MAILBOX_PROTOCOL, MAILBOX_STREAM)
  const visit = await begin()
  const token = async () => (await visit.token(ANN.document(), laptopOf(ANN))).token
  return { peerId: memberNet.peerId, keeper, visit, begin, open, token, counted }
}

const codeOf = async (work: Promise<unknown>) => ((await failureOf(work)) as { code?: string }).code

describe('a keeper of mailboxes', () => {
  it('takes from a registered device, and gives to whoever holds the key', async () => {
    const { visit, begin, token } = await world()
    expect(visit.time).toBe(1_000)
    await visit.open(ID, SEED, await token())
    await visit.deposit(bytes(7, 500))
    await visit.deposit(bytes(8, 500))
    await visit.deposit(bytes(7, 500))
    const other = await begin()
    await other.open(ID, SEED, null)
    const items = await other.list()
    expect(items.map(({ number }) => number)).toEqual([1, 2])
    expect(await other.fetch(2)).toEqual(bytes(8, 500))
    await other.delete([1, 2])
    expect(await other.list()).toEqual([])
    expect(await codeOf(other.fetch(2))).toBe('NotFound')
  })

  it('takes nothing from a stranger, under a document of another, or without leave', async () => {
    const { visit, keeper } = await world()
    expect(await codeOf(visit.token(STRANGER.document(), laptopOf(STRANGER)))).toBe('Forbidden')
    expect(await codeOf(visit.token(ANN.document(), laptopOf(STRANGER)))).toBe('Forbidden')
    expect(await codeOf(visit.token(ANN.document({ device: 'new' }), laptopOf(ANN)))).toBe('Forbidden')
    const takenOut = ANN.document({ device: 'stolen' })
    expect(await codeOf(visit.token(takenOut, keyOf(`${ANN.name}/stolen`)))).toBe('Forbidden')
    expect(await codeOf(visit.deposit(bytes(7)))).toBe('Unauthorized')
    await visit.open(ID, SEED, null)
    expect(await codeOf(visit.deposit(bytes(7)))).toBe('Forbidden')
    expect(await codeOf(visit.open(ID, SEED, bytes(3, 80)))).toBe('Expired')
    expect(keeper.bytes).toBe(0)
  })

  it('opens a mailbox to its key alone', async () => {
    const { visit, begin, token } = await world()
    const leave = await token()
    await visit.open(ID, SEED, leave)
    await visit.deposit(bytes(7))
    const thief = await begin()
    expect(await codeOf(thief.open(ID, bytes(66), leave))).toBe('Forbidden')
    for (const work of [thief.list(), thief.fetch(1), thief.delete([1])])
      expect(await codeOf(work)).toBe('Unauthorized')
    expect(await visit.list()).toHaveLength(1)
  })

  it('does not take a proof a second time, on another stream', async () => {
    const { open, peerId } = await world()
    const said: Uint8Array[] = []
    const first = await open()
    await openNoting(first, peerId, said)
    expect(said).toHaveLength(2)
    // The same frames, byte for byte: the keeper's number is another one now.
    const second = await open()
    for (const frame of said) await second.send(frame)
    await second.receive()
    expect(Array.from((await second.receive())!).slice(0, 2)).toEqual([0x83, 6])
  })

  it('has bounds: an item, a mailbox, a flood', async () => {
    const { visit, token, keeper, counted, begin } = await world(20_000)
    await visit.open(ID, SEED, await token())
    expect(await codeOf(visit.deposit(bytes(7, LIMITS.sealedBytes + 1)))).toBe('TooLarge')
    let kept = 0
    for (let at = 0; at < 20; at++)
      await visit.deposit(bytes(at, 1_500)).then(
        () => kept++,
        () => {},
      )
    expect(kept).toBe(9)
    expect(keeper.bytes).toBeLessThanOrEqual(30_000)
    // What is refused again and again ends the stream.
    const flood = await begin()
    await flood.open(ID, SEED, await token())
    for (let at = 100; ; at++) {
      const code = await codeOf(flood.deposit(bytes(at, 1_500)))
      if (code === 'Unavailable') break
      expect(code).toBe('TooLarge')
      expect(at).toBeLessThan(100 + LIMITS.mailboxRefusals)
    }
    expect(counted.get('mailbox.refused.TooLarge')).toBeGreaterThan(LIMITS.mailboxRefusals)
  })

  it('makes a peer wait that asks too much, and cuts what is no question', async () => {
    const { open, counted, visit, token } = await world()
    await visit.open(ID, SEED, await token())
    const opens = LIMITS.mailboxBurst / 10
    for (let at = 0; !counted.has('mailbox.refused.RateLimited'); at++) {
      await visit.open(ID, SEED, null)
      expect(at).toBeLessThan(opens * 20)
    }
    for (const junk of [bytes(0xff, 10), encodeCanonical([9]), encodeCanonical([7, ['x']])]) {
      const before = counted.get('mailbox.streams.broken') ?? 0
      const bad = await open()
      await bad.send(junk)
      await eventually('cut', () => (counted.get('mailbox.streams.broken') ?? 0) > before)
    }
  })
})

/** Opens the mailbox on a bare stream and notes the frames. */
async function openNoting(stream: FrameStream, ownPeer: string, said: Uint8Array[]): Promise<void> {
  const recorded: FrameStream = new Proxy(stream, {
    get: (target, name) => {
      if (name === 'send')
        return (frame: Uint8Array) => {
          said.push(frame)
          return target.send(frame)
        }
      const value = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const network = { peerId: ownPeer, open: async () => recorded }
  const signal = new AbortController().signal
  const visit = await MailboxVisit.begin(
    network,
    { peerId: stream.peerId, addresses: [] },
    (n) => bytes(5, n),
    signal,
  )
  await visit.open(ID, SEED, null)
}
