import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { encodeDid } from '../identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../identity/ed25519.ts'
import { issueMemberDocument } from '../identity/member-document.ts'
import { xWingPublicKey } from '../identity/x-wing.ts'
import type { PairingCode } from './code.ts'
import { Confirmation } from './confirmation.ts'
import { exchange, stateOf } from './exchange.ts'
import { openGrant } from './grant.ts'
import type { PairingOptions } from './options.ts'
import { PAIR_PROTOCOL, PAIR_STREAM } from './protocol.ts'
import { EndedByPeer, SealedChannel } from './sealed-channel.ts'
import { checkOf, commitmentOf, type Enrolment, type Offer } from './transcript.ts'

const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 5_000
/** Tries of a join before its caller hears that the other device is out of reach. */
const JOIN_TRIES = 3
const HEARTBEAT_MS = 5_000
/** A new device is whole when it has its keys; it waits so long for the other one to have heard of it. */
const FINISH_WAIT_MS = 20_000

/**
 * A pairing as the new device sees it. It dials, and dials again after a break, with the keys it made in the
 * beginning; until both sides have confirmed it stores nothing.
 */
export class JoinedPairing {
  readonly side = 'joined'
  readonly confirmation = new Confirmation()
  readonly id: string
  readonly newDevice: { readonly deviceDid: string; readonly deviceName: string }
  readonly #code: PairingCode
  readonly #options: PairingOptions
  readonly #passphrase: string | undefined
  readonly #deviceSeed: Uint8Array
  readonly #receiveSeed: Uint8Array
  readonly #enrolment: Enrolment
  readonly #stopped = new AbortController()
  #offer: Offer | undefined
  #channel: SealedChannel | undefined
  #creating: Promise<void> | undefined
  /** This device's member document: it exists. */
  #document: Uint8Array | undefined
  #otherKnows = false
  /** This device has heard of the other one. */
  #introduced = false

  constructor(
    given: {
      readonly id: string
      readonly code: PairingCode
      readonly deviceName: string
      readonly passphrase: string | undefined
    },
    options: PairingOptions,
  ) {
    const { random } = options
    this.id = given.id
    this.#code = given.code
    this.#passphrase = given.passphrase
    this.#options = options
    this.#deviceSeed = random(32)
    this.#receiveSeed = random(32)
    const { deviceName } = given
    const deviceKey = publicKeyBytes(privateKeyOfSeed(this.#deviceSeed))
    this.#enrolment = {
      deviceKey,
      receiveKey: xWingPublicKey(this.#receiveSeed),
      deviceName,
      nonce: random(32),
    }
    this.newDevice = { deviceDid: encodeDid(deviceKey), deviceName }
    this.confirmation.onNews = () => this.#tell()
  }

  /** The person's, once the other side has said who they are; empty before. */
  get did(): string {
    return this.#offer?.did ?? ''
  }

  get expiresAt(): number {
    return this.#code.expiresAt
  }

  /** The keys were handed over: what is left may take longer than the code is good. */
  get granted(): boolean {
    return this.#creating !== undefined
  }

  /**
   * Reaches the device that made the code and shows the six digits; from then on it stays in touch by itself.
   * @throws VivimError `Unavailable`, `Exhausted`, `Expired`, `Conflict`
   */
  async join(signal?: AbortSignal): Promise<{ readonly did: string; readonly check: string }> {
    for (let tried = 1; ; tried++) {
      try {
        const channel = await this.#connect(signal)
        void this.#stayInTouch(channel)
        return { did: this.did, check: this.confirmation.check! }
      } catch (error) {
        this.#endWith(error)
        const ended = this.confirmation.over || signal?.aborted === true || !isUnavailable(error)
        if (ended || tried === JOIN_TRIES) throw this.#refusal(error)
        await delay(FIRST_RETRY_MS * 2 ** tried, undefined, signal && { signal }).catch(() => {})
      }
    }
  }

  /** No more dialling. What was handed over is still stored. */
  stop(): void {
    this.#stopped.abort()
  }

  async #connect(caller?: AbortSignal): Promise<SealedChannel> {
    const { network, random } = this.#options
    const { peerId, addresses, secret } = this.#code
    const signals = [AbortSignal.timeout(LIMITS.pairingHandshakeMs), this.#stopped.signal]
    const signal = AbortSignal.any(caller ? [...signals, caller] : signals)
    const stream = await network.open({ peerId, addresses }, PAIR_PROTOCOL, { ...PAIR_STREAM, signal })
    try {
      const channel = await SealedChannel.open(stream, secret, network.peerId, random, signal)
      await channel.send({ type: 'commit', commitment: commitmentOf(this.#enrolment) })
      const { offer } = await channel.expect('offer', signal)
      this.#accept(offer)
      await channel.send({ type: 'reveal', enrolment: this.#enrolment })
      // Its first word is where it stands: the keys have arrived, and it shows its digits.
      const first = await channel.receive(signal)
      if (first?.type === 'ended') throw new EndedByPeer(first.reason)
      if (first?.type === 'state') this.confirmation.heard(first)
      else if (first?.type === 'finished') this.#finished()
      else throw new VivimError('Unavailable', 'The other device ended the conversation.')
      const peers = { joiner: network.peerId, owner: peerId }
      if (this.confirmation.check === undefined)
        this.confirmation.joined(checkOf(offer, this.#enrolment, peers))
      return channel
    } catch (error) {
      stream.abort('no agreement')
      throw error
    }
  }

  /** @throws VivimError `Conflict` for a person who has this device already, and for one who changed */
  #accept(offer: Offer): void {
    const known = this.#offer
    if (known) {
      const same = known.did === offer.did && known.deviceDid === offer.deviceDid
      if (!same || Buffer.compare(known.nonce, offer.nonce) !== 0)
        throw new VivimError('Conflict', 'The other device is not the one it was.')
      return
    }
    if (this.#options.userOf(offer.did))
      throw new VivimError('Conflict', 'That user is on this node already.')
    this.#offer = offer
  }

  async #stayInTouch(first: SealedChannel): Promise<void> {
    let channel: SealedChannel | undefined = first
    let waitMs = FIRST_RETRY_MS
    for (;;) {
      try {
        channel ??= await this.#connect()
        waitMs = FIRST_RETRY_MS
        await this.#talk(channel)
      } catch (error) {
        this.#endWith(error)
      }
      if (this.#settled) return
      channel = undefined
      await delay(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => {})
      if (this.#settled) return
      waitMs = Math.min(LONGEST_RETRY_MS, waitMs * 2)
    }
  }

  /** Nothing is left to say: it ended, or the other side knows that this device exists, or its time is over. */
  get #settled(): boolean {
    if (this.#stopped.signal.aborted || this.confirmation.ending) return true
    if (this.#otherKnows) return true
    return this.#options.now() >= this.expiresAt + LIMITS.pairingGraceMs
  }

  async #talk(channel: SealedChannel): Promise<void> {
    this.#channel = channel
    const heartbeat = setInterval(() => this.#tell(), HEARTBEAT_MS)
    const onStop = () => channel.abort('stopping')
    this.#stopped.signal.addEventListener('abort', onStop, { once: true })
    try {
      this.#tell()
      await exchange(channel, (message) => {
        if (message.type === 'state') this.confirmation.heard(message)
        else if (message.type === 'grant') this.#creating ??= this.#create(message.wrapped)
        else if (message.type === 'finished') {
          this.#finished()
          return channel.close()
        } else throw new VivimError('Corrupt', 'The other device does not follow the protocol.')
      })
    } finally {
      clearInterval(heartbeat)
      this.#stopped.signal.removeEventListener('abort', onStop)
      this.#channel = undefined
      channel.abort('ended')
    }
  }

  #tell(): void {
    const channel = this.#channel
    const { ending } = this.confirmation
    if (!channel) return
    if (ending) void channel.end(ending)
    else if (this.#document) void channel.send({ type: 'done', document: this.#document }).catch(() => {})
    else void channel.send(stateOf(this.confirmation)).catch(() => {})
  }

  /** Never throws: what goes wrong is how the pairing ends. */
  async #create(wrapped: Uint8Array): Promise<void> {
    const { createPairedUser, onPaired, addMember, rendezvous, now, random, log } = this.#options
    const { did, newDevice } = this
    try {
      const own = { receiveSeed: this.#receiveSeed, did, deviceDid: newDevice.deviceDid }
      const grant = this.confirmation.agreed ? openGrant(wrapped, own) : undefined
      if (!grant) throw new VivimError('Corrupt', 'What the other device handed over is not for this one.')
      const { vaultKey, spaceSecret, epochs, chain, displayName } = grant
      const keys = await createPairedUser({
        did,
        displayName,
        secrets: {
          deviceSeed: this.#deviceSeed,
          receiveSeed: this.#receiveSeed,
          vaultKey,
          spaceSecret,
          epochs,
          bootToken: random(32),
        },
        chain,
        passphrase: this.#passphrase,
        unattended: this.#passphrase === undefined,
      })
      this.#document = issueMemberDocument(keys.deviceKey, {
        did,
        deviceDid: keys.deviceDid,
        chain,
        receiveKey: keys.receiveKey,
        sequence: now(),
        rendezvous: rendezvous(keys),
      })
      this.#tell()
      setTimeout(() => this.confirmation.finish(), FINISH_WAIT_MS).unref()
      try {
        await onPaired(keys)
        await addMember(did, grant.document)
      } catch (error) {
        log.warn({ pairing: this.id, code: codeOf(error) }, 'a new user is not kept in step yet')
      }
      this.#introduced = true
      if (this.#otherKnows) this.confirmation.finish()
    } catch (error) {
      log.warn({ pairing: this.id, code: codeOf(error) }, 'a user was not made from a pairing')
      this.confirmation.fail('failed', error instanceof VivimError ? error : new VivimError('Internal'))
    }
  }

  /** The other device knows of this one. */
  #finished(): void {
    if (!this.#document) throw new VivimError('Corrupt', 'The other device does not follow the protocol.')
    this.#otherKnows = true
    // Who reads "done" finds both devices in the list.
    if (this.#introduced) this.confirmation.finish()
  }

  #endWith(error: unknown): void {
    // What was handed over is put to use whatever becomes of the other side.
    if (this.granted) return
    if (error instanceof EndedByPeer) this.confirmation.fail(error.reason)
    else if (error instanceof VivimError && error.code === 'Conflict') this.confirmation.fail('failed', error)
  }

  #refusal(error: unknown): unknown {
    if (error instanceof EndedByPeer) return this.confirmation.failure ?? error
    if (!isUnavailable(error)) return error
    return new VivimError(
      'Unavailable',
      'The device that made the code cannot be reached, or no longer knows it.',
      {
        hint: 'Is it running and online? A code is good for ten minutes, and until its node restarts.',
        cause: error,
      },
    )
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof VivimError ? error.code === 'Unavailable' : !(error instanceof EndedByPeer)
}

function codeOf(error: unknown): string {
  return error instanceof VivimError ? error.code : 'Internal'
}
