import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { encodeDid } from '../identity/did.ts'
import { isAcceptableKey } from '../identity/ed25519.ts'
import { issueMemberDocument, readMemberDocument } from '../identity/member-document.ts'
import type { FrameStream } from '../network/network.ts'
import { Confirmation } from './confirmation.ts'
import { exchange, stateOf } from './exchange.ts'
import { makeGrant } from './grant.ts'
import type { PairingOptions } from './options.ts'
import { EndedByPeer, type Hello, SealedChannel } from './sealed-channel.ts'
import { checkOf, commitmentOf, type Enrolment, handleOf, type Offer } from './transcript.ts'

/** A device that gave its word before it learnt anything. */
interface Candidate {
  readonly peerId: string
  readonly commitment: Uint8Array
  readonly offer: Offer
}

/** The device that the code was used by. */
interface Joiner extends Candidate {
  readonly enrolment: Enrolment
  readonly deviceDid: string
}

/**
 * A pairing as the device sees it that made the code. One device may use it; it may come back after a break, with the
 * same keys from the same peer.
 */
export class StartedPairing {
  readonly side = 'started'
  readonly confirmation = new Confirmation()
  readonly handle: Uint8Array
  readonly id: string
  readonly did: string
  readonly deviceDid: string
  readonly expiresAt: number
  readonly #secret: Uint8Array
  readonly #options: PairingOptions
  readonly #candidates: Candidate[] = []
  #joiner: Joiner | undefined
  #channel: SealedChannel | undefined
  #grant: Promise<Uint8Array> | undefined
  #grantedOver: SealedChannel | undefined

  constructor(
    made: {
      readonly id: string
      readonly did: string
      readonly deviceDid: string
      readonly secret: Uint8Array
      readonly expiresAt: number
    },
    options: PairingOptions,
  ) {
    this.id = made.id
    this.did = made.did
    this.deviceDid = made.deviceDid
    this.expiresAt = made.expiresAt
    this.#secret = made.secret
    this.handle = handleOf(made.secret)
    this.#options = options
    this.confirmation.onNews = () => this.#tell()
  }

  /** The new device, once one has joined. */
  get newDevice(): { readonly deviceDid: string; readonly deviceName: string } | undefined {
    return (
      this.#joiner && { deviceDid: this.#joiner.deviceDid, deviceName: this.#joiner.enrolment.deviceName }
    )
  }

  /** The new device has all it needs: what is left may take longer than the code is good. */
  get granted(): boolean {
    return this.#grant !== undefined
  }

  /** No more answers. */
  stop(): void {
    this.#channel?.abort('stopping')
  }

  /** Answers one stream that names this pairing. Never throws. */
  async answer(stream: FrameStream, hello: Hello): Promise<void> {
    const { network, random, log } = this.#options
    let channel: SealedChannel | undefined
    try {
      channel = await SealedChannel.accept(stream, hello, this.#secret, network.peerId, random)
      if (!(await this.#admit(channel))) return
      const running = channel
      await exchange(running, (message) => {
        if (message.type === 'state') {
          this.confirmation.heard(message)
          return this.#answerState(running)
        }
        if (message.type === 'done') return this.#receive(message.document)
        throw new VivimError('Corrupt', 'The other device does not follow the protocol.')
      })
      await channel.close()
    } catch (error) {
      if (error instanceof EndedByPeer && this.#channel === channel) this.confirmation.fail(error.reason)
      const reason = error instanceof Error ? error.message : String(error)
      log.info({ pairing: this.id, peer: stream.peerId, reason }, 'a stream of a pairing ended')
      if (channel) channel.abort('ended')
      else stream.abort('ended')
    } finally {
      if (this.#channel === channel) this.#channel = undefined
    }
  }

  /** Up to the six digits. False when it was refused and told so. */
  async #admit(channel: SealedChannel): Promise<boolean> {
    const signal = AbortSignal.timeout(LIMITS.pairingHandshakeMs)
    const { commitment } = await channel.expect('commit', signal)
    const candidate = this.#candidate(channel.peerId, commitment)
    if (!candidate) return this.#refuse(channel)
    await channel.send({ type: 'offer', offer: candidate.offer })
    const { enrolment } = await channel.expect('reveal', signal)
    const honest = Buffer.compare(commitmentOf(enrolment), commitment) === 0
    if (!honest || !isAcceptableKey(enrolment.deviceKey))
      throw new VivimError('Corrupt', 'A device did not keep its word.')
    if (this.#joiner ? this.#joiner.commitment !== candidate.commitment : this.confirmation.over)
      return this.#refuse(channel)
    const previous = this.#channel
    this.#channel = channel
    previous?.abort('it came back')
    if (!this.#joiner) {
      this.#joiner = { ...candidate, enrolment, deviceDid: encodeDid(enrolment.deviceKey) }
      const peers = { joiner: channel.peerId, owner: this.#options.network.peerId }
      this.confirmation.joined(checkOf(candidate.offer, enrolment, peers))
    }
    this.#answerState(channel)
    return true
  }

  /**
   * Who sees a nonce and goes away could come back with keys made to fit it: so each commitment has its own nonce, a
   * code takes three of them at most, and one device.
   */
  #candidate(peerId: string, commitment: Uint8Array): Candidate | undefined {
    const same = (known: Candidate) =>
      known.peerId === peerId && Buffer.compare(known.commitment, commitment) === 0
    if (this.#joiner) return same(this.#joiner) ? this.#joiner : undefined
    if (this.confirmation.over) return undefined
    const known = this.#candidates.find(same)
    if (known) return known
    if (this.#candidates.length >= LIMITS.pairingTries) {
      this.confirmation.fail('failed', new VivimError('Conflict', 'Too many devices tried that code.'))
      return undefined
    }
    const { random, userOf } = this.#options
    const { did, deviceDid } = this
    const offer = { did, deviceDid, displayName: userOf(did)?.displayName ?? null, nonce: random(32) }
    const candidate = { peerId, commitment: new Uint8Array(commitment), offer }
    this.#candidates.push(candidate)
    return candidate
  }

  async #refuse(channel: SealedChannel): Promise<false> {
    await channel.end(this.confirmation.ending ?? 'used')
    return false
  }

  #answerState(channel: SealedChannel): void {
    const { done, ending, agreed } = this.confirmation
    if (ending) {
      void channel.end(ending)
      return
    }
    void channel.send(done ? { type: 'finished' } : stateOf(this.confirmation)).catch(() => {})
    if (agreed && !done) void this.#giveGrant(channel)
  }

  #tell(): void {
    if (this.#channel) this.#answerState(this.#channel)
  }

  /** Once for each stream: after a break it may not have arrived. */
  async #giveGrant(channel: SealedChannel): Promise<void> {
    if (channel === this.#grantedOver) return
    this.#grantedOver = channel
    try {
      this.#grant ??= this.#makeGrant(this.#joiner!)
      await channel.send({ type: 'grant', wrapped: await this.#grant })
    } catch (error) {
      if (this.#channel !== channel) return
      const failure = error instanceof VivimError ? error : new VivimError('Internal')
      // The stream may break; that the keys cannot be had is the end.
      if (failure.code !== 'Unavailable') this.confirmation.fail('failed', failure)
    }
  }

  async #makeGrant(joiner: Joiner): Promise<Uint8Array> {
    const { keysOf, userOf, rendezvous, now, random } = this.#options
    const keys = await keysOf(this.did)
    const { did, deviceDid, chain, receiveKey } = keys
    const document = issueMemberDocument(keys.deviceKey, {
      did,
      deviceDid,
      chain,
      receiveKey,
      sequence: now(),
      rendezvous: rendezvous(keys),
    })
    const given = { displayName: userOf(did)?.displayName ?? null, document, now: now() }
    return makeGrant(
      keys,
      { deviceDid: joiner.deviceDid, receiveKey: joiner.enrolment.receiveKey },
      given,
      random,
    )
  }

  /** The new device is whole. */
  async #receive(document: Uint8Array): Promise<void> {
    const { addMember, nameDevice, log } = this.#options
    const joiner = this.#joiner!
    const member = readMemberDocument(document)
    if (!this.#grant || member?.did !== this.did || member.deviceDid !== joiner.deviceDid)
      throw new VivimError('Corrupt', 'A device sent a document that is not its own.')
    if (!this.confirmation.done) {
      await addMember(this.did, document)
      await nameDevice(this.did, joiner.deviceDid, joiner.enrolment.deviceName).catch(() =>
        log.warn({ pairing: this.id }, 'the new device did not get its name'),
      )
      this.confirmation.finish()
    }
    this.#tell()
  }
}
