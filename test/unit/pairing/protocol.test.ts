import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
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
    await shakeHands(channel, enrolmentOf())
    await channel.expect('state', soon())
    await channel.send({ type: 'state', confirmed: true, seen: true })
    expect(await channel.expect('state', soon())).toMatchObject({ confirmed: false, seen: true })
    await channel.send({ type: 'done', document: random(100) })
    expect(await failed(channel.expect('finished', soon()))).toBe(true)
    expect(honest.members).toEqual([])
    expect(honest.service.status(pairingId).state).toBe('joined')
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
  /** An owner under the test's control: answers each stream with what it is told to do. */
  async function lure(
    answer: (channel: SealedChannel, enrolment: Enrolment, nextNonce: Uint8Array) => Promise<void>,
  ) {
    const peer = streams.peer('scripted')
    const secret = random(16)
    const nonce = new Uint8Array(32)
    const offer = (): Offer => ({
      did: theirs,
      deviceDid: theirs,
      displayName: 'Eve',
      nonce: new Uint8Array(nonce),
    })
    const theirs = encodeDid(publicKeyBytes(privateKeyOfSeed(random(32))))
    peer.handle(PAIR_PROTOCOL, STREAM, async (stream: FrameStream) => {
      const hello = readHello(await stream.receive(soon()))
      const channel = await SealedChannel.accept(stream, hello!, secret, 'scripted', random)
      const { commitment } = await channel.expect('commit', soon())
      await channel.send({ type: 'offer', offer: offer() })
      const { enrolment } = await channel.expect('reveal', soon())
      expect(commitmentOf(enrolment)).toEqual(commitment)
      await channel.send({ type: 'state', confirmed: true, seen: false })
      await answer(channel, enrolment, nonce)
    })
    const expiresAt = Math.floor(Date.now() / 1000) * 1000 + 60_000
    return encodePairingCode({ peerId: 'scripted', addresses: [], secret, expiresAt })
  }
  const keysOf = () => readdirSync(join(honest.folder, 'keys')).length

  it('takes no keys before its own person has confirmed, nor keys that are not for it', async () => {
    const before = keysOf()
    for (const moment of ['unasked', 'foreign'] as const) {
      const code = await lure(async (channel, enrolment) => {
        const elsewhere = nodes.node(streams.peer(`elsewhere ${moment}`))
        const keys = await elsewhere.keystore.unlock(await elsewhere.createUser())
        const given = { displayName: 'Eve', document: new Uint8Array(), now: 1 }
        const device = { deviceDid: encodeDid(enrolment.deviceKey), receiveKey: enrolment.receiveKey }
        const wrapped = makeGrant(keys, device, given, random)
        if (moment === 'foreign') {
          let state: PairMessage | undefined
          do state = await channel.receive(soon())
          while (state && !(state.type === 'state' && state.confirmed))
        }
        await channel.send({ type: 'grant', wrapped })
        await channel.receive(soon())
      })
      const { pairingId, check } = await honest.service.join({ code })
      const outcome = honest.service.confirm(pairingId, check)
      await expect(outcome).rejects.toMatchObject({ code: 'Corrupt' })
      expect(honest.service.status(pairingId).state).toBe('failed')
      expect(keysOf()).toBe(before)
    }
  })

  it('does not go on with somebody who is another one after a break', async () => {
    let broken = 0
    const code = await lure(async (channel, _enrolment, nextNonce) => {
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
