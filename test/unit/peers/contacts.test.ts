import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { signMembershipEntry } from '../../../crdt/membership-entry.ts'
import { decodeDid } from '../../../daemon/identity/did.ts'
import { sign } from '../../../daemon/identity/ed25519.ts'
import { decodeNonce, encodeAnswer, encodeNonce, newNonce } from '../../../daemon/peers/contact-frames.ts'
import { issueConsent, issueProof } from '../../../daemon/peers/contact-proof.ts'
import { decodeInvite, encodeInvite } from '../../../daemon/peers/invite-link.ts'
import { PEERS_PROTOCOL, PEERS_STREAM } from '../../../daemon/peers/protocol.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { until } from '../../support/until.ts'
import { TestNetworks } from '../network/test-networks.ts'
import { crowd, type TestPerson, testPerson } from './people.ts'

const networks = new TestNetworks()
const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
let ann: TestPerson
let ben: TestPerson

beforeEach(async () => {
  ;[ann, ben] = await Promise.all([testPerson(networks, 'Ann'), testPerson(networks, 'Ben')])
})
afterEach(async () => {
  ann[Symbol.dispose]()
  ben[Symbol.dispose]()
  await networks.stopAll()
})

const seenBy = async ({ service, caller }: TestPerson, { did }: { did: string }) =>
  (await service.list(caller, { limit: 200 })).items.find((item) => item.did === did)

const addressOf = ({ network }: TestPerson) => network.multiaddrs()[0]!

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: { code: string }) => error.code,
  )

const reachOf = ({ network }: Pick<TestPerson, 'network'>) => ({
  peerId: network.peerId,
  addresses: [network.multiaddrs()[0]!.replace(/\/p2p\/.*$/, '')],
})

describe('asking without an invite', () => {
  test('by default nobody is heard; with the door open it waits until it is accepted, on both sides', async () => {
    const asked = await ben.service.request(ben.caller, { did: ann.did, address: addressOf(ann) })
    expect(asked).toMatchObject({ state: 'requested', delivered: true })
    expect(await seenBy(ann, ben)).toBeUndefined()
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone' })
    await ben.service.request(ben.caller, { did: ann.did })
    expect(await until('Ann is asked', () => seenBy(ann, ben))).toMatchObject({
      state: 'received',
      displayName: 'Ben',
      trust: null,
    })
    expect((await seenBy(ben, ann))?.state).toBe('requested')
    expect(await failureOf(ann.service.trust(ann.caller, { did: ben.did, level: 'close' }))).toBe('NotFound')
    const accepted = await ann.service.accept(ann.caller, { did: ben.did })
    expect(accepted).toMatchObject({ state: 'accepted', confirmed: true, initiated: false })
    expect(await seenBy(ben, ann)).toMatchObject({
      state: 'accepted',
      displayName: 'Ann',
      safety: accepted.safety,
    })
    expect(await ann.service.trust(ann.caller, { did: ben.did, level: 'close' })).toMatchObject({
      trust: 'close',
    })
  })

  test('who was not there when it was accepted is told later', async () => {
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone' })
    await ben.service.request(ben.caller, { did: ann.did, address: addressOf(ann) })
    await until('Ann is asked', () => seenBy(ann, ben))
    await ben.network.stop()
    expect(await ann.service.accept(ann.caller, { did: ben.did })).toMatchObject({
      state: 'accepted',
      confirmed: false,
    })
    await ben.network.start()
    ben.service.opened(ben.did)
    ben.service.networkChanged()
    await until('both know', async () => {
      const [here, there] = [await seenBy(ann, ben), await seenBy(ben, ann)]
      return here?.confirmed && there?.confirmed
    })
  })

  test('blocked, not allowed, removed, or nobody of that name: the same answer after the same time', async () => {
    const cleo = await testPerson(networks, 'Cleo')
    const strangers = await crowd(networks)
    const ask = async (from: string, to: string, person: TestPerson) => {
      const began = performance.now()
      const told = await strangers.exchange.tell(from, to, reachOf(person), null)
      return { told, ms: performance.now() - began }
    }
    try {
      const [nobody, blocked, open, missing] = [0, 1, 2, 3].map(() => strangers.join().did) as [
        string,
        string,
        string,
        string,
      ]
      await ann.service.block(ann.caller, blocked, true)
      await cleo.service.privacy(cleo.caller, { whoMayContact: 'anyone' })
      const answers = [
        await ask(nobody, ann.did, ann),
        await ask(blocked, ann.did, ann),
        await ask(open, cleo.did, cleo),
        await ask(missing, ben.did, ann),
      ]
      for (const { told, ms } of answers) {
        expect(told).toBe('taken')
        expect(ms).toBeGreaterThan(LIMITS.contactAnswerMs - 20)
      }
      expect(await seenBy(cleo, { did: open })).toMatchObject({ state: 'received' })
      expect(await seenBy(ann, { did: nobody })).toBeUndefined()
      expect(await seenBy(ann, { did: blocked })).toMatchObject({ state: 'blocked' })
      expect(Object.fromEntries(ann.counted)).toMatchObject({
        'peers.heard.not_allowed': 1,
        'peers.heard.blocked': 1,
        'peers.heard.not_here': 1,
      })
    } finally {
      cleo[Symbol.dispose]()
    }
  })

  test('a flood of strangers: as many are kept as the quota says, and each is told the same', {
    timeout: 60_000,
  }, async () => {
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone', requestsPerDay: 5 })
    const strangers = await crowd(networks)
    const told = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const heard: string[] = []
        for (let at = 0; at < 6; at++)
          heard.push(await strangers.exchange.tell(strangers.join().did, ann.did, reachOf(ann), null))
        return heard
      }),
    )
    expect(new Set(told.flat())).toEqual(new Set(['taken']))
    const { items } = await ann.service.list(ann.caller, { limit: 200 })
    expect(items.filter(({ state }) => state === 'received')).toHaveLength(5)
    expect(ann.counted.get('peers.heard.too_many')).toBe(19)
    // Declining them makes no room on the same day.
    for (const { did } of items) await ann.service.remove(ann.caller, { did })
    await strangers.exchange.tell(strangers.join().did, ann.did, reachOf(ann), null)
    expect(ann.counted.get('peers.heard.too_many')).toBe(20)
  })

  test('a peer that opens streams without end is refused; others are still heard', {
    timeout: 60_000,
  }, async () => {
    const strangers = await crowd(networks)
    const open = async () => {
      const stream = await strangers.network.open(reachOf(ann), PEERS_PROTOCOL, PEERS_STREAM)
      await stream.send(new Uint8Array(8)).catch(() => {})
      await stream.closed
    }
    for (let at = 0; at < LIMITS.contactStreamsPerPeer + 20; at++) await open().catch(() => {})
    expect(ann.counted.get('peers.refused.rate')).toBeGreaterThan(0)
    const { invite } = await ann.service.createInvite(ann.caller, {})
    expect(await ben.service.acceptInvite(ben.caller, { invite })).toMatchObject({ state: 'accepted' })
  })
})

describe('invites', () => {
  test('expired, taken back, or of somebody else: refused, and nobody becomes a contact', async () => {
    const { invite, inviteId } = await ann.service.createInvite(ann.caller, { hours: 1 })
    ben.clock.offset = 3_600_001
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite }))).toBe('Expired')
    // His clock is behind hers: her node decides.
    ben.clock.offset = 0
    ann.vault.time += 3_600_001
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite }))).toBe('Exhausted')
    ann.vault.time -= 3_600_001
    await ann.service.revokeInvite(ann.caller, { inviteId })
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite }))).toBe('Exhausted')
    const secret = new Uint8Array(16).fill(7)
    const made = encodeInvite({ did: ann.did, ...reachOf(ann), secret, expiresAt: Date.now() + 60_000 })
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite: made }))).toBe('Exhausted')
    expect(await seenBy(ben, ann)).toBeUndefined()
    expect(await seenBy(ann, ben)).toBeUndefined()
    expect(await failureOf(ann.service.acceptInvite(ann.caller, { invite }))).toBe('InvalidParams')
  })

  test('somebody blocked who holds one is answered like one whose invite is not good', async () => {
    const { invite, inviteId } = await ann.service.createInvite(ann.caller, {})
    await ann.service.block(ann.caller, ben.did, true)
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite }))).toBe('Exhausted')
    const { items } = await ann.service.listInvites(ann.caller)
    expect(items.find((each) => each.inviteId === inviteId)).toMatchObject({ state: 'open' })
    await ann.service.block(ann.caller, ben.did, false)
    expect(await ben.service.acceptInvite(ben.caller, { invite })).toMatchObject({ state: 'accepted' })
    // Blocked afterwards: as if nobody answered.
    await ann.service.block(ann.caller, ben.did, true)
    await ben.service.remove(ben.caller, { did: ann.did })
    expect(await ben.service.request(ben.caller, { did: ann.did, address: addressOf(ann) })).toMatchObject({
      state: 'requested',
      delivered: true,
    })
  })

  test('a node that is not that person’s proves nothing, and no contact comes of it', async () => {
    const cleo = await testPerson(networks, 'Cleo')
    try {
      // Her address and her DID, his node.
      const secret = new Uint8Array(16).fill(7)
      const forged = encodeInvite({ did: ann.did, ...reachOf(cleo), secret, expiresAt: Date.now() + 60_000 })
      expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite: forged }))).toBe('Exhausted')
      expect(await seenBy(ben, ann)).toBeUndefined()
    } finally {
      cleo[Symbol.dispose]()
    }
  })

  test('a device that was taken out speaks for nobody any more, where the master says so', async () => {
    const strangers = await crowd(networks)
    const rootKey = generateKeyPairSync('ed25519').privateKey
    const keys = strangers.join(rootKey)
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone' })
    const revoke = {
      did: keys.did,
      number: 1,
      previous: new Uint8Array(32),
      at: 1_000,
      change: { kind: 'revoke', device: decodeDid(keys.deviceDid), cutOffs: [] },
    } as const
    const bytes = signMembershipEntry(revoke, (message) => sign(rootKey, message))
    ann.registry.set(keys.did, { did: keys.did, devices: [], records: [{ kind: 'entry', bytes }] })
    expect(await strangers.exchange.tell(keys.did, ann.did, reachOf(ann), null)).toBe('taken')
    expect(ann.counted.get('peers.heard.revoked')).toBe(1)
    expect(await seenBy(ann, keys)).toBeUndefined()
    ann.registry.delete(keys.did)
    expect(await strangers.exchange.tell(keys.did, ann.did, reachOf(ann), null)).toBe('taken')
    expect(await seenBy(ann, keys)).toMatchObject({ state: 'received' })
  })

  test('a device whose certificate has ended speaks for nobody', async () => {
    const strangers = await crowd(networks)
    const keys = strangers.join()
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone' })
    ann.clock.offset = 366 * 24 * 3_600_000
    expect(await strangers.exchange.tell(keys.did, ann.did, reachOf(ann), null)).toBe('taken')
    expect(ann.counted.get('peers.heard.expired')).toBe(1)
    const { invite } = await ben.service.createInvite(ben.caller, {})
    ann.clock.offset -= 2 * 24 * 3_600_000
    const later = encodeInvite({ ...decodeInvite(invite, 0), expiresAt: Date.now() + 400 * 24 * 3_600_000 })
    expect(await failureOf(ann.service.acceptInvite(ann.caller, { invite: later }))).toBeUndefined()
    ann.clock.offset += 2 * 24 * 3_600_000
    expect(await failureOf(ann.service.acceptInvite(ann.caller, { invite: later }))).toBe('Conflict')
    await ann.service.remove(ann.caller, { did: ben.did })
    expect(await failureOf(ann.service.acceptInvite(ann.caller, { invite: later }))).toBe('Expired')
  })

  test('an answer with the proof of somebody else is no answer', async () => {
    const strangers = await crowd(networks)
    const mallory = strangers.join()
    strangers.exchange.stop()
    strangers.network.handle(PEERS_PROTOCOL, PEERS_STREAM, async (stream) => {
      const askerNonce = decodeNonce(await stream.receive())!
      const answererNonce = newNonce(random)
      await stream.send(encodeNonce(answererNonce))
      await stream.receive()
      const context = {
        role: 'answers' as const,
        ownPeerId: strangers.network.peerId,
        otherPeerId: ben.network.peerId,
        askerNonce,
        answererNonce,
      }
      const consent = issueConsent(mallory, ben.did, Date.now())
      const shown = { consent, addresses: [], displayName: 'Ann', secret: null, successions: [] }
      const proof = issueProof(mallory.deviceKey, shown, context)
      await stream.send(encodeAnswer({ type: 'agreed', proof }))
      await stream.closed
    })
    const secret = new Uint8Array(16).fill(7)
    const forged = encodeInvite({
      did: ann.did,
      ...reachOf(strangers),
      secret,
      expiresAt: Date.now() + 60_000,
    })
    expect(await failureOf(ben.service.acceptInvite(ben.caller, { invite: forged }))).toBe('Corrupt')
    expect((await seenBy(ben, ann))?.state).not.toBe('accepted')
    expect(await seenBy(ben, mallory)).toBeUndefined()
  })
})

describe('names given with an invite', () => {
  test('count once it is taken; one that somebody else has is refused before anything is asked', async () => {
    const cleo = await testPerson(networks, 'Cleo')
    try {
      const first = await ann.service.createInvite(ann.caller, { name: 'Friend' })
      const second = await ann.service.createInvite(ann.caller, { name: 'Friend' })
      await ben.service.acceptInvite(ben.caller, { invite: first.invite, name: 'Ann' })
      await cleo.service.name(cleo.caller, { did: ben.did, name: 'Ann' })
      expect(
        await failureOf(cleo.service.acceptInvite(cleo.caller, { invite: second.invite, name: 'Ann' })),
      ).toBe('Conflict')
      expect(await seenBy(cleo, ann)).toBeUndefined()
      await cleo.service.acceptInvite(cleo.caller, { invite: second.invite, name: 'Anna' })
      expect(await seenBy(cleo, ann)).toMatchObject({ state: 'accepted', petname: 'Anna' })
      // Two invites for one name: the first one has it.
      expect(await seenBy(ann, ben)).toMatchObject({ petname: 'Friend' })
      expect(await seenBy(ann, cleo)).toMatchObject({ petname: null, displayName: 'Cleo' })
      expect(await failureOf(cleo.service.name(cleo.caller, { did: ann.did, name: 'Ann' }))).toBe('Conflict')
      await cleo.service.name(cleo.caller, { did: 'Ann' })
      expect(await cleo.service.name(cleo.caller, { did: ann.did, name: 'Ann' })).toMatchObject({
        name: 'Ann',
      })
    } finally {
      cleo[Symbol.dispose]()
    }
  })
})

describe('hostile frames', () => {
  test('whatever bytes come, at the first or the second step, the node goes on', {
    timeout: 60_000,
  }, async () => {
    const strangers = await crowd(networks)
    const broken = () => ann.counted.get('peers.streams.broken') ?? 0
    const frames = [0, 1, 2, 17, 300, 8_000, 40_000].flatMap((size) => [
      random(size || 1),
      new Uint8Array(size || 1).fill(0x9f),
    ])
    const nested = new Uint8Array(30_000).fill(0x81)
    const names = ['x'.repeat(201), 'a\0b', '\ud800', 7, ['x']].map((name) =>
      encodeCanonical([random(8), [], name as string, null, random(64)]),
    )
    let sent = 0
    for (const frame of [...frames, nested, ...names]) {
      for (const step of [1, 2]) {
        if (sent >= LIMITS.contactStreamsPerPeer - 10) break
        const stream = await strangers.network.open(reachOf(ann), PEERS_PROTOCOL, PEERS_STREAM)
        if (step === 2) {
          await stream.send(encodeNonce(newNonce(random)))
          await stream.receive()
        }
        await stream.send(frame).catch(() => {})
        await stream.closed
        sent++
      }
    }
    await until('all were refused', async () => broken() === sent)
    expect(sent).toBeGreaterThan(30)
    const { invite } = await ann.service.createInvite(ann.caller, {})
    expect(await ben.service.acceptInvite(ben.caller, { invite })).toMatchObject({ state: 'accepted' })
  })
})

describe('proofs', () => {
  test('one that was made for another node, another nonce or another role is none', async () => {
    await ann.service.privacy(ann.caller, { whoMayContact: 'anyone' })
    const strangers = await crowd(networks)
    const keys = strangers.join()
    const consent = issueConsent(keys, ann.did, Date.now())
    const shown = { consent, addresses: [], displayName: null, secret: null, successions: [] }
    const attempt = async (change: object) => {
      const stream = await strangers.network.open(reachOf(ann), PEERS_PROTOCOL, PEERS_STREAM)
      const askerNonce = newNonce(random)
      await stream.send(encodeNonce(askerNonce))
      const answererNonce = decodeNonce(await stream.receive())!
      const context = {
        role: 'asks' as const,
        ownPeerId: strangers.network.peerId,
        otherPeerId: ann.network.peerId,
        askerNonce,
        answererNonce,
        ...change,
      }
      await stream.send(encodeCanonical(issueProof(keys.deviceKey, shown, context)))
      return stream.receive().catch(() => undefined)
    }
    const nonce = new Uint8Array(32).fill(1)
    for (const change of [
      { otherPeerId: ben.network.peerId },
      { ownPeerId: ben.network.peerId },
      { askerNonce: nonce },
      { answererNonce: nonce },
      { role: 'answers' },
    ])
      expect(await attempt(change), JSON.stringify(Object.keys(change))).toBeUndefined()
    expect(ann.counted.get('peers.streams.broken')).toBe(5)
    expect(await seenBy(ann, { did: keys.did })).toBeUndefined()
    expect(await attempt({})).toBeDefined()
    expect(await seenBy(ann, { did: keys.did })).toMatchObject({ state: 'received' })
  })
})
