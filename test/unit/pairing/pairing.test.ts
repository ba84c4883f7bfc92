import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { readMemberDocument } from '../../../daemon/identity/member-document.ts'
import { decodePairingCode, encodePairingCode } from '../../../daemon/pairing/code.ts'
import { PAIR_PROTOCOL } from '../../../daemon/pairing/protocol.ts'
import { handleOf } from '../../../daemon/pairing/transcript.ts'
import { VivimError } from '../../../schema/errors.ts'
import { MemoryStreams } from './memory-streams.ts'
import { type PairingNode, PairingNodes, random } from './two-nodes.ts'

let streams: MemoryStreams
let nodes: PairingNodes
let owner: PairingNode
let joiner: PairingNode
let did: string
let clock: number

beforeEach(async () => {
  clock = 0
  streams = new MemoryStreams()
  nodes = new PairingNodes()
  owner = nodes.node(streams.peer('owner'), { now: () => Date.now() + clock })
  joiner = nodes.node(streams.peer('joiner'))
  did = await owner.createUser()
})
afterEach(() => nodes.dispose())

async function begin(at = joiner, deviceName = 'phone') {
  const started = await owner.service.start(did)
  const joined = await at.service.join({ code: started.code, deviceName })
  return { started, joined, check: joined.check }
}
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof VivimError ? error.code : error),
  )
async function eventually<T>(read: () => T, wanted: (value: T) => boolean): Promise<T> {
  const until = performance.now() + 30_000
  for (;;) {
    const value = read()
    if (wanted(value)) return value
    if (performance.now() > until) throw new Error(`still ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function expectWhole(): Promise<void> {
  const old = await owner.keystore.unlock(did)
  const own = await joiner.keystore.unlock(did)
  expect(own.deviceDid).not.toBe(old.deviceDid)
  expect(own.vaultKey).toEqual(old.vaultKey)
  expect(own.spaceSecret).toEqual(old.spaceSecret)
  expect(own.epochs).toEqual(old.epochs)
  expect(own.receiveKey).not.toEqual(old.receiveKey)
  expect(own.bootToken).not.toEqual(old.bootToken)
  expect(own.chain.length).toBe(2)
  expect(joiner.keystore.get(did)).toMatchObject({ displayName: 'Ann', unattended: true })
}
const expectNothing = () => expect(readdirSync(join(joiner.folder, 'keys'))).toEqual([])

describe('pairing two devices', () => {
  it('shows the same six digits on both sides and makes the new one whole', async () => {
    const { started, joined, check } = await begin()
    expect(started.code).toMatch(/^vivim1[a-z2-7]+$/)
    expect(started.qr).toMatch(/^[ ▀▄█\n]+$/)
    expect(check).toMatch(/^\d{6}$/)
    expect(joined.did).toBe(did)
    const status = owner.service.status(started.pairingId)
    expect(status).toMatchObject({ side: 'started', state: 'joined', check, deviceName: 'phone', did })

    const first = await joiner.service.confirm(joined.pairingId, check)
    const second = await owner.service.confirm(started.pairingId, `${check.slice(0, 3)} ${check.slice(3)}`)
    const { deviceDid } = status
    const spaces = [Buffer.from(privateSpaceId(did)).toString('hex')]
    expect(first).toEqual({ deviceDid, spaces, complete: false })
    expect(second).toEqual({ deviceDid, spaces, complete: true })
    await expectWhole()
    expect(owner.names).toEqual(new Map([[deviceDid, 'phone']]))
    expect(owner.members.map(readMemberDocument)).toMatchObject([{ did, deviceDid }])
    const ownerDevice = owner.keystore.get(did)!.deviceDid
    await eventually(
      () => joiner.members.length,
      (length) => length === 1,
    )
    expect(joiner.members.map(readMemberDocument)).toMatchObject([{ did, deviceDid: ownerDevice }])
    expect(joiner.paired.map((keys) => keys.did)).toEqual([did])
    await eventually(
      () => [owner.service.status(started.pairingId), joiner.service.status(joined.pairingId)],
      (both) => both.every(({ state }) => state === 'done'),
    )
  })

  it('does not depend on who confirms first, nor on one waiting for the other', async () => {
    for (const order of ['owner first', 'both at once'] as const) {
      nodes.dispose()
      owner = nodes.node(streams.peer('owner'))
      joiner = nodes.node(streams.peer('joiner'))
      did = await owner.createUser()
      const { started, joined, check } = await begin()
      const atOwner = () => owner.service.confirm(started.pairingId, check)
      const atJoiner = () => joiner.service.confirm(joined.pairingId, check)
      if (order === 'owner first') {
        expect((await atOwner()).complete).toBe(false)
        expect((await atJoiner()).complete).toBe(true)
      } else {
        const both = await Promise.all([atOwner(), atJoiner()])
        expect(both.some(({ complete }) => complete)).toBe(true)
      }
      await expectWhole()
      expect(owner.members.length).toBe(1)
      expect((await atOwner()).complete).toBe(true)
      expect((await atJoiner()).complete).toBe(true)
    }
  })

  it('locks the new keystore with a passphrase, and lets the new device bring in the next', async () => {
    const { code, pairingId } = await owner.service.start(did)
    const joined = await joiner.service.join({ code, passphrase: 'one two' })
    await owner.service.confirm(pairingId, joined.check)
    await joiner.service.confirm(joined.pairingId, joined.check)
    expect(await codeOf(joiner.keystore.unlock(did))).toBe('Unauthorized')
    expect(await codeOf(joiner.keystore.unlock(did, 'two'))).toBe('Unauthorized')
    const second = await joiner.keystore.unlock(did, 'one two')

    const middle = nodes.node(streams.peer('middle'), { keysOf: async () => second, userOf: () => undefined })
    const third = nodes.node(streams.peer('third'))
    const next = await middle.service.start(did)
    const last = await third.service.join({ code: next.code })
    await middle.service.confirm(next.pairingId, last.check)
    expect((await third.service.confirm(last.pairingId, last.check)).complete).toBe(true)
    const keys = await third.keystore.unlock(did)
    expect(keys.chain.length).toBe(3)
    expect(readMemberDocument(middle.members[0]!)?.certificate.issuer).toBe(second.deviceDid)
  })
})

describe('a pairing is refused', () => {
  it('with other digits: the third time ends it on both sides', async () => {
    const { started, joined, check } = await begin()
    const wrong = check === '000000' ? '000001' : '000000'
    const tries = [1, 2, 3, 4].map(() => codeOf(owner.service.confirm(started.pairingId, wrong)))
    expect(await Promise.all(tries)).toEqual(['Forbidden', 'Forbidden', 'Forbidden', 'Forbidden'])
    expect(await codeOf(owner.service.confirm(started.pairingId, check))).toBe('Forbidden')
    await eventually(
      () => joiner.service.status(joined.pairingId).state,
      (state) => state === 'failed',
    )
    expect(await codeOf(joiner.service.confirm(joined.pairingId, check))).toBe('Conflict')
    expectNothing()
  })

  it('when its time is over, before and after it was joined', async () => {
    const { code } = await owner.service.start(did)
    const late = nodes.node(streams.peer('late'), { now: () => Date.now() + 600_001 })
    expect(await codeOf(late.service.join({ code }))).toBe('Expired')

    const short = nodes.node(streams.peer('short'), {
      keysOf: (user) => owner.keystore.unlock(user),
      validMs: 2_500,
    })
    const started = await short.service.start(did)
    const joined = await joiner.service.join({ code: started.code })
    expect((await joiner.service.confirm(joined.pairingId, joined.check)).complete).toBe(false)
    await eventually(
      () => joiner.service.status(joined.pairingId).state,
      (state) => state === 'expired',
    )
    expect(await codeOf(joiner.service.confirm(joined.pairingId, joined.check))).toBe('Expired')
    await eventually(
      () => short.service.status(started.pairingId).state,
      (state) => state === 'expired',
    )
    expect(await codeOf(short.service.confirm(started.pairingId, joined.check))).toBe('Expired')
    expectNothing()
  })

  it('to a second device, while the first goes on', async () => {
    const { started, joined, check } = await begin()
    const second = nodes.node(streams.peer('second'))
    expect(await codeOf(second.service.join({ code: started.code }))).toBe('Exhausted')
    await owner.service.confirm(started.pairingId, check)
    expect((await joiner.service.confirm(joined.pairingId, check)).complete).toBe(true)
    await expectWhole()
    expect(await codeOf(second.service.join({ code: started.code }))).toBe('Exhausted')
  })

  it('on a node that has that user, or made the code itself', async () => {
    const { code } = await owner.service.start(did)
    expect(await codeOf(owner.service.join({ code }))).toBe('Conflict')
    const same = nodes.node(streams.peer('same'), { userOf: () => ({ displayName: null }) })
    expect(await codeOf(same.service.join({ code }))).toBe('Conflict')
  })

  it('when either side cancels, and not once the keys are handed over', async () => {
    for (const side of ['owner', 'joiner'] as const) {
      const { started, joined, check } = await begin()
      const [here, there] =
        side === 'owner'
          ? [owner.service, () => joiner.service.status(joined.pairingId)]
          : [joiner.service, () => owner.service.status(started.pairingId)]
      const id = side === 'owner' ? started.pairingId : joined.pairingId
      expect(here.cancel(id).state).toBe('failed')
      await eventually(
        () => there().state,
        (state) => state === 'failed',
      )
      expect(await codeOf(here.confirm(id, check))).toBe('Conflict')
      expectNothing()
    }
    const { started, joined, check } = await begin()
    await owner.service.confirm(started.pairingId, check)
    await joiner.service.confirm(joined.pairingId, check)
    expect(() => owner.service.cancel(started.pairingId)).toThrow(VivimError)
    expect(() => joiner.service.cancel(joined.pairingId)).toThrow(VivimError)
  })

  it('when the user is locked or the new device cannot store its keys', async () => {
    let locked = false
    const locking = nodes.node(streams.peer('locking'), {
      keysOf: async (user) => {
        if (locked) throw new VivimError('Unauthorized')
        return owner.keystore.unlock(user)
      },
    })
    const one = await locking.service.start(did)
    const join = await joiner.service.join({ code: one.code })
    await locking.service.confirm(one.pairingId, join.check)
    locked = true
    expect(await codeOf(locking.service.start(did))).toBe('Unauthorized')
    expect(await codeOf(joiner.service.confirm(join.pairingId, join.check))).toBe('Conflict')
    expect(await codeOf(locking.service.confirm(one.pairingId, join.check))).toBe('Unauthorized')
    expectNothing()

    const full = nodes.node(streams.peer('full'), {
      createPairedUser: async () => {
        throw new VivimError('StorageFull')
      },
    })
    const { started, joined, check } = await begin(full)
    await owner.service.confirm(started.pairingId, check)
    expect(await codeOf(full.service.confirm(joined.pairingId, check))).toBe('StorageFull')
    await eventually(
      () => owner.service.status(started.pairingId).state,
      (state) => state === 'failed',
    )
  })
})

describe('an attacker', () => {
  it('without the code learns nothing and is slowed down', async () => {
    const { started, joined, check } = await begin()
    const stranger = streams.peer('stranger')
    const ask = async (frame: Uint8Array) => {
      const stream = await stranger.open({ peerId: 'owner' }, PAIR_PROTOCOL, { maxFrameBytes: 1_000 })
      await stream.send(frame).catch(() => {})
      const answer = await stream.receive(AbortSignal.timeout(20_000)).catch(() => 'broken')
      return [answer, stream.bytesReceived]
    }
    const secret = decodePairingCode(started.code, Date.now()).secret
    for (let n = 0; n < 100; n++)
      expect(await ask(Buffer.concat([Uint8Array.of(1), random(32)]))).toEqual(['broken', 0])
    // Even the right handle is not looked at any more.
    expect(await ask(Buffer.concat([Uint8Array.of(1), handleOf(secret), random(16)]))).toEqual(['broken', 0])
    for (const junk of [
      random(33),
      random(1),
      random(900),
      Buffer.concat([Uint8Array.of(2), handleOf(secret), random(16)]),
    ])
      expect(await ask(junk)).toEqual(['broken', 0])
    await owner.service.confirm(started.pairingId, check)
    expect((await joiner.service.confirm(joined.pairingId, check)).complete).toBe(true)
  })

  it('in the middle, with the code, gets other digits on each side, and nothing', async () => {
    const started = await owner.service.start(did)
    const middle = nodes.node(streams.peer('middle'))
    const fake = nodes.node(streams.peer('fake'))
    const fakeDid = await fake.createUser('Ann')
    const code = decodePairingCode(started.code, Date.now())
    const [atOwner, bait] = [
      await middle.service.join({ code: started.code }),
      await fake.service.start(fakeDid),
    ]
    const relayed = encodePairingCode({
      ...decodePairingCode(bait.code, Date.now()),
      expiresAt: code.expiresAt,
    })
    const atJoiner = await joiner.service.join({ code: relayed })
    expect(atJoiner.check).not.toBe(atOwner.check)
    expect(owner.service.status(started.pairingId).check).toBe(atOwner.check)
  })

  it('cannot look for keys that fit: three devices may commit themselves to one code', async () => {
    const { code, pairingId } = await owner.service.start(did)
    for (let n = 0; n < 4; n++) {
      const thief = nodes.node(streams.peer(`thief${n}`))
      let ownFrames = 0
      // It goes away when it has seen the nonce: the third frame it is sent would follow.
      streams.filter = (_frame, from) => from !== `thief${n}` || ++ownFrames < 3
      const outcome = codeOf(thief.service.join({ code }))
      expect(['Unavailable', 'Exhausted', 'Conflict']).toContain(await outcome)
    }
    streams.filter = () => true
    expect(owner.service.status(pairingId).state).toBe('failed')
    expect(await codeOf(joiner.service.join({ code }))).not.toBe('no error')
    expectNothing()
  })

  it('who changes one bit of any frame is noticed: it goes on with fresh keys, or nothing comes of it', async () => {
    const outcomes: unknown[] = []
    for (let target = 0; target < 7; target++) {
      let seen = 0
      streams.filter = (frame) => {
        if (seen++ === target) frame[frame.length - 1]! ^= 1
        return true
      }
      const { code, pairingId } = await owner.service.start(did)
      const fresh = nodes.node(streams.peer(`fresh${target}`))
      const outcome = await fresh.service.join({ code }).catch((error: VivimError) => error.code)
      if (typeof outcome === 'object') expect(owner.service.status(pairingId).check).toBe(outcome.check)
      outcomes.push(typeof outcome === 'object' ? 'joined' : outcome)
      owner.service.cancel(pairingId)
    }
    // The joiner tries again when the other side broke off, and gives up when it was lied to itself.
    expect(outcomes).toEqual(['joined', 'joined', 'joined', 'Corrupt', 'joined', 'Corrupt', 'joined'])
  })
})

describe('a stream that breaks', () => {
  it('at any frame leads to a whole device, and the confirmations say so', async () => {
    const broken: number[] = []
    for (let target = 1; target < 40; target++) {
      nodes.dispose()
      streams = new MemoryStreams()
      owner = nodes.node(streams.peer('owner'))
      joiner = nodes.node(streams.peer('joiner'))
      did = await owner.createUser()
      streams.filter = () => streams.frames !== target
      const { started, joined, check } = await begin()
      expect(owner.service.status(started.pairingId).check).toBe(check)
      const confirmations = [
        () => owner.service.confirm(started.pairingId, check),
        () => joiner.service.confirm(joined.pairingId, check),
      ]
      if (target % 2) confirmations.reverse()
      expect((await confirmations[0]!()).complete).toBe(false)
      expect((await confirmations[1]!()).complete).toBe(true)
      await expectWhole()
      if (streams.frames < target) break
      broken.push(target)
    }
    expect(broken.length).toBeGreaterThan(10)
    expect(broken.length).toBeLessThan(39)
  }, 120_000)

  it('for good leaves nothing on the new device, or a whole one', async () => {
    let whole = 0
    for (let target = 1; target < 40; target++) {
      nodes.dispose()
      streams = new MemoryStreams()
      owner = nodes.node(streams.peer('owner'), { validMs: 1_500 })
      joiner = nodes.node(streams.peer('joiner'))
      did = await owner.createUser()
      let total = 0
      streams.filter = () => {
        total++
        if (streams.frames === target) streams.online = false
        return streams.online
      }
      const started = await owner.service.start(did)
      const joined = await joiner.service.join({ code: started.code }).catch(() => undefined)
      if (joined) {
        await Promise.allSettled([
          owner.service.confirm(started.pairingId, joined.check, AbortSignal.timeout(400)),
          joiner.service.confirm(joined.pairingId, joined.check, AbortSignal.timeout(400)),
        ])
      }
      if (joiner.keystore.get(did)) {
        whole++
        await expectWhole()
      } else expectNothing()
      if (total < target) break
    }
    expect(whole).toBeGreaterThan(0)
  }, 120_000)
})
