import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  decodeHelloAnswer,
  decodeHelloNonce,
  encodeHelloAnswer,
  encodeHelloNonce,
  encodeHelloTags,
  helloKey,
  helloTags,
  matchTags,
} from '../../crdt/hello.ts'
import { decodeDid } from '../../daemon/identity/did.ts'
import { Keystore } from '../../daemon/identity/keystore.ts'
import { createNetwork } from '../../daemon/network/libp2p-network.ts'
import type { FrameStream } from '../../daemon/network/network.ts'
import { PAIR_PROTOCOL } from '../../daemon/pairing/protocol.ts'
import { proposeSpace, SYNC_PROTOCOL } from '../../daemon/sync/handshake.ts'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { type PairedDevice, pair, spaceOf, untilAlike, untilDerived } from '../support/device-pair.ts'
import { Stranger } from '../support/stranger.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const TRIES = 200
const ABORT_MS = 20_000
const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const SILENT = { info: () => {}, warn: () => {}, error: () => {} }

interface Person {
  readonly did: string
  readonly here: PairedDevice
  readonly there: PairedDevice
  readonly space: string
  readonly words: readonly string[]
}

describe('who is no device of a person', { timeout: 300_000 }, () => {
  const nodes: TestNode[] = []
  let shared: TestNode
  let empty: TestNode
  let ann: Person
  let ben: Person
  let stranger: Stranger

  beforeAll(async () => {
    // Ann and Ben share a computer; each has another device of their own. One node has nobody.
    nodes.push(...(await Promise.all([0, 1, 2, 3].map(() => TestNode.start()))))
    shared = nodes[0]!
    empty = nodes[3]!
    ann = await person(shared, nodes[1]!, 'Annegret')
    ben = await person(shared, nodes[2]!, 'Benedikt')
    stranger = await Stranger.start()
  }, 120_000)
  afterAll(async () => {
    await stranger?.[Symbol.asyncDispose]()
    await Promise.all(nodes.map((node) => node.dispose()))
  })

  test('is told the same by a node with people and by one without', async () => {
    const [withPeople, without] = [await addressesOf(shared), await addressesOf(empty)]
    const [a, b] = [await stranger.meet(withPeople), await stranger.meet(without)]
    expect(a.protocols).toEqual(b.protocols)
    expect(a.protocols).toContain(SYNC_PROTOCOL)
    for (const field of ['agentVersion', 'protocolVersion'] as const) expect(a[field]).toBe(b[field])
    expect(a.agentVersion).toBe('vivimd')
  })

  test(`gets an answer of the same form ${TRIES} times, and then nothing`, async () => {
    const form = encodeHelloAnswer({ tag: random(8), frontier: random(32) }).length
    for (const node of [shared, empty]) {
      const addresses = await addressesOf(node)
      const answers: Uint8Array[] = []
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const stream = await stranger.open(addresses, SYNC_PROTOCOL)
        const { answer } = await hello(stream, random(16 * 8))
        answers.push(answer)
        expect(await leftOver(stream)).toBe(0)
      }
      expect(new Set(answers.map(({ length }) => length))).toEqual(new Set([form]))
      const opened = answers.map(decodeHelloAnswer).map(({ tag, frontier }) => Buffer.concat([tag, frontier]))
      // Two hundred draws of a byte show some 139 of its 256 values; anything fixed or counted up shows far fewer.
      for (let at = 0; at < 40; at++)
        expect(new Set(opened.map((bytes) => bytes[at])).size, `byte ${at}`).toBeGreaterThan(100)
    }
  })

  test('is not heard further, whatever follows', async () => {
    const addresses = await addressesOf(shared)
    for (const tags of [16, 64, 256, 1_024]) {
      const stream = await stranger.open(addresses, SYNC_PROTOCOL)
      await hello(stream, random(tags * 8))
      const before = stream.bytesReceived
      for (let frame = 0; frame < 20; frame++) await stream.send(random(1 + frame * 97)).catch(() => {}) // it may be closed by now
      expect(await leftOver(stream)).toBe(0)
      expect(stream.bytesReceived).toBe(before)
    }
    for (const first of [random(1), random(18), random(1_000), encodeHelloNonce(random(16)).slice(0, -1)]) {
      const stream = await stranger.open(addresses, SYNC_PROTOCOL)
      await stream.send(first)
      expect(await leftOver(stream)).toBe(0)
      expect(stream.bytesReceived).toBe(0)
    }
  })

  test('who holds a key of another space is answered as one who holds none', async () => {
    const own = helloKey(random(32))
    const addresses = await addressesOf(shared)
    const stream = await stranger.open(addresses, SYNC_PROTOCOL)
    const signal = AbortSignal.timeout(ABORT_MS)
    const initiatorNonce = random(16)
    await stream.send(encodeHelloNonce(initiatorNonce), signal)
    const responderNonce = decodeHelloNonce((await stream.receive(signal))!)
    const parties = {
      keys: [own],
      initiatorPeerId: stranger.peerId,
      responderPeerId: stream.peerId,
      initiatorNonce,
      responderNonce,
    }
    await stream.send(encodeHelloTags(helloTags({ ...parties, direction: 'initiator', pad: random })), signal)
    const { tag } = decodeHelloAnswer((await stream.receive(signal))!)
    expect(matchTags(tag, { ...parties, direction: 'responder' })).toBeUndefined()
    expect(await leftOver(stream)).toBe(0)
  })

  test('finds no pairing by guessing, also while one waits', async () => {
    const { pairingId } = await ann.here.client.call('devices.pair.start')
    const addresses = await addressesOf(shared)
    const frames = [
      ...Array.from({ length: 30 }, () => Uint8Array.of(1, ...random(32))),
      Uint8Array.of(1, ...new Uint8Array(32)),
      Uint8Array.of(2, ...random(32)),
      random(33),
      random(1),
      random(5_000),
    ]
    for (const frame of frames) {
      const stream = await stranger.open(addresses, PAIR_PROTOCOL)
      await stream.send(frame)
      expect(await leftOver(stream)).toBe(0)
      expect(stream.bytesReceived).toBe(0)
    }
    expect(await ann.here.client.call('devices.pair.status', { pairingId })).toMatchObject({
      state: 'waiting',
    })
    await ann.here.client.call('devices.pair.cancel', { pairingId })
  })

  test('sees no name in any byte it receives, also where it listens in', async () => {
    const addresses = await addressesOf(shared)
    const { peerId } = await stranger.meet(addresses)
    // What Ann writes is announced to her other device; the stranger asks for every gossip there is.
    for (let said = 0; said < 5; said++) {
      const id = await firstOf(ann.here.client)
      await ann.here.client.call('conversations.tag', { id, add: [`heard ${said}`] })
    }
    await untilAlike([ann.here, ann.there])
    expect(stranger.topicsOf(peerId.toString())).toEqual([])
    expect(stranger.received.length).toBeGreaterThan(TRIES * 50)
    for (const each of [ann, ben]) expect(traces(stranger.received, each)).toEqual([])
    // The search finds what is there.
    expect(stranger.received.includes(Buffer.from('vivimd'))).toBe(true)
    expect(traces(Buffer.from(`xx ${ann.did} ${ben.words[0]}`), ann).length).toBeGreaterThan(0)
  })

  test("another person's device is a stranger", async () => {
    const network = createNetwork({
      seed: random(32),
      listen: ['/ip4/127.0.0.1/tcp/0'],
      mdns: false,
      log: SILENT,
    })
    await network.start()
    try {
      const keysOf = ({ there: { node }, did }: Person) =>
        new Keystore({ folder: join(node.home, 'keys'), now: Date.now, random }).unlock(did)
      const target = async (node: TestNode) => {
        const addresses = await addressesOf(node)
        return { peerId: addresses[0]!.split('/p2p/')[1]!, addresses }
      }
      const benKeys = await keysOf(ben)
      const annKeys = await keysOf(ann)
      await expect(
        proposeSpace(network, await target(ann.there.node), benKeys, random, Date.now),
      ).rejects.toMatchObject({
        code: 'Unavailable',
      })
      await expect(
        proposeSpace(network, await target(ben.there.node), annKeys, random, Date.now),
      ).rejects.toMatchObject({
        code: 'Unavailable',
      })
      // The same attempt finds those who share the space; a peer that is none of their devices gets no content.
      const { stream } = await proposeSpace(network, await target(ann.there.node), annKeys, random, Date.now)
      const received = await heardFrom(stream, 1_000)
      expect(received.length).toBeGreaterThan(0)
      for (const word of ann.words) expect(received.includes(word), word).toBe(false)
    } finally {
      await network.stop()
    }
  })

  test('on a computer that two people share, the devices of one get nothing of the other', async () => {
    await untilAlike([ann.here, ann.there])
    await untilAlike([ben.here, ben.there])
    for (const [own, other] of [
      [ann, ben],
      [ben, ann],
    ] as const) {
      const { client, node } = own.there
      expect((await client.call('users.list')).items.map(({ did }) => did)).toEqual([own.did])
      const { items } = await client.call('devices.list')
      expect(items.map(({ deviceDid }) => deviceDid).sort()).toEqual(
        [own.here.deviceDid, own.there.deviceDid].sort(),
      )
      for (const peer of [other.here.deviceDid, other.there.deviceDid])
        await expect(client.call('sync.now', { peer })).rejects.toMatchObject({ code: 'NotFound' })
      await client.call('sync.now')
      for (const word of namesOf(other)) expect(byteSearch(node.home, word), word).toEqual([])
      // The search finds what is there.
      for (const word of own.words) expect(byteSearch(node.home, word).length, word).toBeGreaterThan(0)
    }
  })

  test('the record on the local network names nobody', async (context) => {
    const heard = await localRecords(async () => {
      await shared.stop()
      shared.configure({ network: { mdns: true } })
      await shared.boot()
    })
    if (heard.length === 0) return context.skip('no multicast on this machine')
    expect(heard.includes(Buffer.from('_vivim'))).toBe(true)
    for (const each of [ann, ben]) expect(traces(heard, each)).toEqual([])
  })
})

/** A person with a conversation on a node, and a second device. */
async function person(node: TestNode, second: TestNode, name: string): Promise<Person> {
  const { did, client } = await node.user(`${name} Canary`)
  const { deviceDid } = await client.call('auth.whoami')
  const words = [`${name} Canary`, `${name} plans`, `secret-of-${name}`]
  await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: `${name}-1`,
      title: `${name} plans`,
      messages: [
        {
          id: '1',
          role: 'user',
          parts: [{ type: 'text', content: `Where is the secret-of-${name} kept this winter?` }],
        },
      ],
    },
    wait: 'indexed',
  })
  const here = { node, client, deviceDid }
  const there = await pair(here, second, `${name} phone`)
  await untilAlike([here, there])
  await untilDerived(there)
  return { did, here, there, space: (await spaceOf(here)).space, words: [...words, `${name} phone`] }
}

async function addressesOf(node: TestNode): Promise<string[]> {
  const client = await node.client()
  const { multiaddrs } = await client.call('node.status')
  await client.close()
  return multiaddrs
}

async function firstOf(client: Client): Promise<string> {
  return (await client.call('conversations.list', { limit: 1 })).items[0]!.id
}

/** A hello with tags made up; both answers of the other side. */
async function hello(stream: FrameStream, tags: Uint8Array) {
  const signal = AbortSignal.timeout(ABORT_MS)
  await stream.send(encodeHelloNonce(random(16)), signal)
  const nonce = await stream.receive(signal)
  await stream.send(encodeHelloTags(tags), signal)
  const answer = await stream.receive(signal)
  if (!nonce || !answer) throw new Error('no answer to a hello')
  decodeHelloNonce(nonce)
  return { nonce, answer }
}

/** Frames that still come until the other side ends the stream; fails when it does not. */
async function leftOver(stream: FrameStream): Promise<number> {
  const signal = AbortSignal.timeout(ABORT_MS)
  for (let frames = 0; ; frames++) {
    try {
      if ((await stream.receive(signal)) === undefined) {
        await stream.close()
        return frames
      }
    } catch (error) {
      if (signal.aborted) throw error
      return frames
    }
  }
}

/** All that comes in that time to somebody who says nothing. */
async function heardFrom(stream: FrameStream, ms: number): Promise<Buffer> {
  const frames: Uint8Array[] = []
  const signal = AbortSignal.timeout(ms)
  try {
    for (let frame = await stream.receive(signal); frame; frame = await stream.receive(signal))
      frames.push(frame)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    stream.abort('heard enough')
  }
  return Buffer.concat(frames)
}

/** What names a person, their devices, their space or what they wrote, as text. */
function namesOf({ did, here, there, space, words }: Person): string[] {
  const multibase = (text: string) => text.slice('did:key:'.length)
  return [multibase(did), multibase(here.deviceDid), multibase(there.deviceDid), space, ...words]
}

/** Every name found in bytes, in any usual encoding, and every key behind a DID. */
function traces(bytes: Buffer, person: Person): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'vivim-heard-'))
  try {
    mkdirSync(join(folder, 'heard'))
    writeFileSync(join(folder, 'heard', 'bytes'), bytes)
    const texts = namesOf(person).filter((name) => byteSearch(folder, name).length > 0)
    const { did, here, there, space } = person
    const binary = [...[did, here.deviceDid, there.deviceDid].map(decodeDid), Buffer.from(space, 'hex')]
    const raw = binary
      .map((needle) => Buffer.from(needle))
      .filter((needle) =>
        [
          needle,
          ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(needle.toString(form))),
        ].some((form) => bytes.includes(form)),
      )
    return [...texts, ...raw.map((needle) => needle.toString('hex'))]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What is said on the local network by multicast DNS while `act` runs and a little after; empty where there is none. */
async function localRecords(act: () => Promise<void>): Promise<Buffer> {
  const heard: Buffer[] = []
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    socket.bind(5353)
    await once(socket, 'listening')
    socket.addMembership('224.0.0.251')
    socket.on('message', (message) => heard.push(message))
    await act()
    await until('the node is heard', async () => Buffer.concat(heard).includes('_vivim'), 5_000).catch(
      () => {},
    )
  } catch {
    // The port or the group is not to be had here.
  } finally {
    socket.close()
  }
  return Buffer.concat(heard)
}
