import type { KeyObject } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { issueMemberDocument } from '../../../daemon/identity/member-document.ts'
import type { UserKeys } from '../../../daemon/identity/user-keys.ts'
import { xWingPublicKey } from '../../../daemon/identity/x-wing.ts'
import type { FrameStream } from '../../../daemon/network/network.ts'
import { decodePairingCode, encodePairingCode } from '../../../daemon/pairing/code.ts'
import { makeGrant } from '../../../daemon/pairing/grant.ts'
import { decodeMessage, encodeMessage, type PairMessage } from '../../../daemon/pairing/messages.ts'
import { PAIR_PROTOCOL } from '../../../daemon/pairing/protocol.ts'
import { readHello, SealedChannel } from '../../../daemon/pairing/sealed-channel.ts'
import { checkOf, commitmentOf, type Enrolment, type Offer } from '../../../daemon/pairing/transcript.ts'
import { MemoryStreams } from './memory-streams.ts'
import { type PairingNode, PairingNodes, random } from './two-nodes.ts'

const STREAM = { maxFrameBytes: 256 * 1024 }
const soon = () => AbortSignal.timeout(10_000)

let streams: MemoryStreams
let nodes: PairingNodes
let honest: PairingNode
let did: string

beforeEach(async () => {
  streams = new MemoryStreams()
  nodes = new PairingNodes()
  honest = nodes.node(streams.peer('honest'))
  did = await honest.createUser()
})
afterEach(() => nodes.dispose())

const enrolmentOf = (name = 'phone'): Enrolment => ({
  deviceKey: publicKeyBytes(privateKeyOfSeed(random(32))),
  receiveKey: xWingPublicKey(random(32)),
  deviceName: name,
  nonce: random(32),
})
const failed = (promise: Promise<unknown>) =>
  promise.then(
    () => false,
    () => true,
  )

/** The member document of a device that these keys have certified. */
function documentOf(keys: UserKeys, deviceKey: KeyObject): Uint8Array {
  const deviceDid = encodeDid(publicKeyBytes(deviceKey))
  const certificate = issueDeviceCertificate(keys.deviceKey, {
    did: keys.did,
    deviceDid,
    issuer: keys.deviceDid,
    capabilities: PAIRED_CAPABILITIES,
    sequence: 2,
    issuedAt: 1,
  })
  const chain = [...keys.chain, certificate]
  const fields = {
    did: keys.did,
    deviceDid,
    chain,
    sequence: 1,
    receiveKey: random(8),
    rendezvous: random(8),
  }
  return issueMemberDocument(deviceKey, fields)
}

describe('the device that made the code', () => {
  async function approach(code: string, peer = streams.peer('scripted')) {
    const { secret } = decodePairingCode(code, Date.now())
    const stream = await peer.open({ peerId: 'honest' }, PAIR_PROTOCOL, STREAM)
    return SealedChannel.open(stream, secret, peer.peerId, random, soon())
  }
  async function shakeHands(
    channel: SealedChannel,
    enrolment: Enrolment,
    revealed = enrolment,
  ): Promise<Offer> {
    await channel.send({ type: 'commit', commitment: commitmentOf(enrolment) })
    const { offer } = await channel.expect('offer', soon())
    await channel.send({ type: 'reveal', enrolment: revealed })
    return offer
  }

  it('lets nobody in who reveals other keys than it promised', async () => {
    const { code, pairingId } = await honest.service.start(did)
    const channel = await approach(code)
    await shakeHands(channel, enrolmentOf(), enrolmentOf())
    expect(await failed(channel.expect('state', soon()))).toBe(true)
    expect(honest.service.status(pairingId).state).toBe('waiting')
  })

  it('gives the same nonce to the same promise of the same peer only', async () => {
    const { code } = await honest.service.start(did)
    const [peer, other] = [streams.peer('scripted'), streams.peer('other')]
    const enrolment = enrolmentOf()
    const nonceFor = async (from: typeof peer) => {
      const channel = await approach(code, from)
      await channel.send({ type: 'commit', commitment: commitmentOf(enrolment) })
      return (await channel.expect('offer', soon())).offer.nonce
    }
    const first = await nonceFor(peer)
    expect(await nonceFor(peer)).toEqual(first)
    expect(await nonceFor(other)).not.toEqual(first)
  })

  it('takes a device back over a new stream, and nobody else with its keys', async () => {
    const { code, pairingId } = await honest.service.start(did)
    const peer = streams.peer('scripted')
    const enrolment = enrolmentOf()
    const first = await approach(code, peer)
    const offer = await shakeHands(first, enrolment)
    await first.expect('state', soon())
    const peers = { joiner: 'scripted', owner: 'honest' }
    expect(honest.service.status(pairingId).check).toBe(checkOf(offer, enrolment, peers))
    const again = await approach(code, peer)
    expect(await shakeHands(again, enrolment)).toEqual(offer)
    await again.expect('state', soon())
    expect(await failed(first.expect('state', soon()))).toBe(true)
    const thief = await approach(code, streams.peer('thief'))
    await thief.send({ type: 'commit', commitment: commitmentOf(enrolment) })
    await expect(thief.expect('offer', soon())).rejects.toMatchObject({ reason: 'used' })
  })

  it('hands nothing over before both have confirmed, and believes no document it did not certify', async () => {
    const { code, pairingId } = await honest.service.start(did)
    const channel = await approach(code)
    const deviceKey = privateKeyOfSeed(random(32))
    await shakeHands(channel, { ...enrolmentOf(), deviceKey: publicKeyBytes(deviceKey) })
    await channel.expect('state', soon())
    await channel.send({ type: 'state', confirmed: true, seen: true })
    expect(await channel.expect('state', soon())).toMatchObject({ confirmed: false, seen: true })
    // Certified once before, by the same device: still nobody has confirmed.
    await channel.send({ type: 'done', document: documentOf(await honest.keystore.unlock(did), deviceKey) })
    expect(await failed(channel.expect('finished', soon()))).toBe(true)
    expect(honest.members).toEqual([])
    expect(honest.service.status(pairingId).state).toBe('joined')
  })

  it('answers the first confirmation when the other side surely knows, not before', async () => {
    const { code, pairingId } = await honest.service.start(did)
    const channel = await approach(code)
    await shakeHands(channel, enrolmentOf())
    await channel.expect('state', soon())
    let answered = false
    const { check = '' } = honest.service.status(pairingId)
    const confirmation = honest.service.confirm(pairingId, check).finally(() => {
      answered = true
    })
    expect(await channel.expect('state', soon())).toMatchObject({ confirmed: true })
    for (let n = 0; n < 3; n++) {
      await channel.send({ type: 'state', confirmed: false, seen: false })
      await channel.expect('state', soon())
    }
    expect(answered).toBe(false)
    await channel.send({ type: 'state', confirmed: false, seen: true })
    expect(await confirmation).toMatchObject({ complete: false })
  })

  it('ends the stream of who sends what does not belong there', async () => {
    const wrong: PairMessage[] = [
      { type: 'reveal', enrolment: enrolmentOf() },
      { type: 'state', confirmed: true, seen: true },
      { type: 'grant', wrapped: random(10) },
      { type: 'finished' },
    ]
    const { code } = await honest.service.start(did)
    for (const message of wrong) {
      const channel = await approach(code)
      await channel.send(message)
      expect(await failed(channel.expect('offer', soon()))).toBe(true)
    }
  })
})

describe('the new device', () => {
  /** An owner under the test's control, of another person: it answers each stream with what it is told to do. */
  async function lure(
    answer: (
      channel: SealedChannel,
      enrolment: Enrolment,
      keys: UserKeys,
      nextNonce: Uint8Array,
    ) => Promise<void>,
  ) {
    const peer = streams.peer('scripted')
    const theirs = nodes.node(streams.peer('their keys'))
    const keys = await theirs.keystore.unlock(await theirs.createUser('Eve'))
    const secret = random(16)
    const nonce = new Uint8Array(32)
    peer.handle(PAIR_PROTOCOL, STREAM, async (stream: FrameStream) => {
      const hello = readHello(await stream.receive(soon()))
      const channel = await SealedChannel.accept(stream, hello!, secret, 'scripted', random)
      const { commitment } = await channel.expect('commit', soon())
      const { did, deviceDid } = keys
      await channel.send({
        type: 'offer',
        offer: { did, deviceDid, displayName: 'Eve', nonce: nonce.slice() },
      })
      const { enrolment } = await channel.expect('reveal', soon())
      expect(commitmentOf(enrolment)).toEqual(commitment)
      await channel.send({ type: 'state', confirmed: true, seen: false })
      await answer(channel, enrolment, keys, nonce)
    })
    const expiresAt = Math.floor(Date.now() / 1000) * 1000 + 60_000
    return encodePairingCode({ peerId: 'scripted', addresses: [], secret, expiresAt })
  }
  const keysOf = () => readdirSync(join(honest.folder, 'keys')).length
  async function stateOf(pairingId: string, wanted: string): Promise<void> {
    while (honest.service.status(pairingId).state !== wanted)
      await new Promise((resolve) => setTimeout(resolve, 5))
  }

  it.each(['unasked', 'for another device', 'of another person'] as const)(
    'takes no keys %s',
    async (what) => {
      const before = keysOf()
      const other = await honest.keystore.unlock(did)
      const code = await lure(async (channel, enrolment, keys) => {
        const given = { displayName: 'Eve', document: new Uint8Array(), now: 1 }
        const deviceKey = what === 'for another device' ? enrolmentOf().deviceKey : enrolment.deviceKey
        const device = { deviceDid: encodeDid(deviceKey), receiveKey: enrolment.receiveKey }
        const wrapped = makeGrant(what === 'of another person' ? other : keys, device, given, random)
        let state: PairMessage | undefined
        if (what !== 'unasked')
          do state = await channel.receive(soon())
          while (state && !(state.type === 'state' && state.confirmed))
        await channel.send({ type: 'grant', wrapped })
        await channel.receive(soon())
      })
      const { pairingId, check } = await honest.service.join({ code })
      if (what === 'unasked') await stateOf(pairingId, 'failed')
      await expect(honest.service.confirm(pairingId, check)).rejects.toMatchObject({ code: 'Corrupt' })
      expect(honest.service.status(pairingId).state).toBe('failed')
      expect(keysOf()).toBe(before)
    },
  )

  it('does not go on with somebody who is another one after a break', async () => {
    let broken = 0
    const code = await lure(async (channel, _enrolment, _keys, nextNonce) => {
      nextNonce.fill(++broken)
      // Not before the state was read: until then it is no break, but a failed start.
      await channel.receive(soon())
      channel.abort('break')
    })
    const fresh = nodes.node(streams.peer('fresh'))
    const { pairingId, check } = await fresh.service.join({ code })
    await expect(fresh.service.confirm(pairingId, check)).rejects.toMatchObject({ code: 'Conflict' })
    expect(broken).toBe(1)
    expect(readdirSync(join(fresh.folder, 'keys'))).toEqual([])
  })
})

describe('messages', () => {
  it('are read back, and nothing else is', () => {
    const messages: PairMessage[] = [
      { type: 'commit', commitment: random(32) },
      { type: 'offer', offer: { did, deviceDid: did, displayName: null, nonce: random(32) } },
      { type: 'reveal', enrolment: enrolmentOf() },
      { type: 'state', confirmed: true, seen: false },
      { type: 'grant', wrapped: random(1_200) },
      { type: 'done', document: random(100) },
      { type: 'finished' },
      { type: 'ended', reason: 'used' },
    ]
    for (const message of messages) expect(decodeMessage(encodeMessage(message))).toEqual(message)
    expect(decodeMessage(encodeMessage({ type: 'commit', commitment: random(31) }))).toBeUndefined()
    const nameless = { ...enrolmentOf(), deviceName: '' }
    expect(decodeMessage(encodeMessage({ type: 'reveal', enrolment: nameless }))).toBeUndefined()
    const long = { ...enrolmentOf(), deviceName: 'x'.repeat(201) }
    expect(decodeMessage(encodeMessage({ type: 'reveal', enrolment: long }))).toBeUndefined()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !decodeMessage(bytes)))
  })
})
