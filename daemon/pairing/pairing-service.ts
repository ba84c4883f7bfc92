import { timingSafeEqual } from 'node:crypto'
import { privateSpaceId } from '../../crdt/space.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { certifiedUntil } from '../identity/certificate-life.ts'
import type { FrameStream } from '../network/network.ts'
import { StreamAllowance } from '../network/stream-allowance.ts'
import { addressesForCode, decodePairingCode, encodePairingCode, SECRET_BYTES } from './code.ts'
import { mayEnroll } from './grant.ts'
import { JoinedPairing } from './joined-pairing.ts'
import type { PairingOptions } from './options.ts'
import { PAIR_PROTOCOL, PAIR_STREAM } from './protocol.ts'
import { codeAsQr } from './qr.ts'
import { readHello } from './sealed-channel.ts'
import { StartedPairing } from './started-pairing.ts'

type Pairing = StartedPairing | JoinedPairing

/**
 * Brings new devices of users in, and makes this node one of somebody's devices. Pairings are kept in memory: a restart
 * ends those under way.
 */
export class PairingService {
  readonly #options: PairingOptions
  readonly #pairings = new Map<string, Pairing>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #allowance: StreamAllowance
  #joining = 0

  constructor(options: PairingOptions) {
    this.#options = options
    this.#allowance = new StreamAllowance({
      perPeer: LIMITS.pairingStreamsPerPeer,
      ofAll: LIMITS.pairingStreams,
      now: options.now,
    })
    options.network.handle(PAIR_PROTOCOL, PAIR_STREAM, (stream) => this.#answer(stream))
  }

  /** Ends every pairing under way. */
  stop(): void {
    this.#options.network.unhandle(PAIR_PROTOCOL)
    const stopping = new VivimError('Unavailable', 'The node is stopping.')
    for (const pairing of this.#pairings.values()) {
      pairing.confirmation.fail('failed', stopping)
      pairing.stop()
    }
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }

  /**
   * @throws VivimError `Unauthorized`, `Unavailable` without a network, `Expired` once this device is certified no more,
   * `Exhausted`, `RateLimited`
   */
  async start(did: string): Promise<Result<'devices.pair.start'>> {
    const { network, now, random, keysOf, validMs = LIMITS.pairingMs } = this.#options
    const keys = await keysOf(did)
    this.#needNetwork()
    if (certifiedUntil(keys.chain) <= now())
      throw new VivimError('Expired', 'The certificate of this device has ended: it lets nobody in.', {
        hint: '`vivimd device renew` renews it.',
      })
    if (!mayEnroll(keys))
      throw new VivimError('Exhausted', 'This device is the last of a long chain of pairings.', {
        hint: 'Start the pairing on another of your devices.',
      })
    this.#makeRoom(did)
    const expiresAt = Math.floor((now() + validMs) / 1000) * 1000
    const secret = random(SECRET_BYTES)
    const id = this.#newId()
    const pairing = new StartedPairing(
      { id, did, deviceDid: keys.deviceDid, secret, expiresAt },
      this.#options,
    )
    this.#keep(pairing)
    const addresses = addressesForCode(network.multiaddrs())
    const code = encodePairingCode({ peerId: network.peerId, addresses, secret, expiresAt })
    return { pairingId: id, code, qr: codeAsQr(code), expiresAt }
  }

  /**
   * @throws VivimError `InvalidParams`, `Expired`, `Exhausted` for a code that another device used, `Conflict` when this
   * node has that user, `Unavailable`, `RateLimited`
   */
  async join(
    { code: text, deviceName, passphrase }: Params<'devices.pair.join'>,
    signal?: AbortSignal,
  ): Promise<Result<'devices.pair.join'>> {
    const { network, now, ownName } = this.#options
    const code = decodePairingCode(text, now())
    if (code.peerId === network.peerId) throw new VivimError('Conflict', 'This node made that code itself.')
    this.#needNetwork()
    this.#makeRoom(undefined)
    const name = (deviceName ?? ownName()).slice(0, LIMITS.nameCharacters) || 'device'
    const pairing = new JoinedPairing(
      { id: this.#newId(), code, deviceName: name, passphrase },
      this.#options,
    )
    this.#joining++
    try {
      const { did, check } = await pairing.join(signal)
      this.#keep(pairing)
      return { pairingId: pairing.id, did, check }
    } catch (error) {
      pairing.stop()
      throw error
    } finally {
      this.#joining--
    }
  }

  /** @throws VivimError `NotFound`; as `Confirmation.confirm` and `outcome`; `Unauthorized` when the user is locked */
  async confirm(id: string, check: string, signal?: AbortSignal): Promise<Result<'devices.pair.confirm'>> {
    const pairing = this.#get(id)
    const { confirmation, did } = pairing
    if (pairing.side === 'started') await this.#options.keysOf(did)
    confirmation.confirm(check)
    const complete = await confirmation.outcome(signal)
    const spaces = [Buffer.from(privateSpaceId(did)).toString('hex')]
    return { deviceDid: pairing.newDevice!.deviceDid, spaces, complete }
  }

  /** @throws VivimError `NotFound` */
  status(id: string): Result<'devices.pair.status'> {
    return viewOf(this.#get(id))
  }

  /** Every pairing that is kept, oldest first. */
  list(): Result<'devices.pair.status'>[] {
    return [...this.#pairings.values()].map(viewOf)
  }

  /** @throws VivimError `NotFound`; `Conflict` when the keys are handed over already */
  cancel(id: string): Result<'devices.pair.status'> {
    const pairing = this.#get(id)
    if (pairing.granted && !pairing.confirmation.ending)
      throw new VivimError('Conflict', 'Both sides have confirmed; it is too late to cancel.', {
        hint: '`vivimd device list` shows your devices.',
      })
    pairing.confirmation.fail('cancelled')
    return viewOf(pairing)
  }

  /** A stranger is never told anything: a stream without the handle of a pairing ends as a broken one does. */
  async #answer(stream: FrameStream): Promise<void> {
    const { log } = this.#options
    if (!this.#allowance.take(stream.peerId)) return stream.abort('too many')
    const signal = AbortSignal.timeout(LIMITS.pairingHandshakeMs)
    const hello = readHello(await stream.receive(signal).catch(() => undefined))
    const pairing = hello && this.#named(hello.handle)
    if (pairing) return pairing.answer(stream, hello)
    log.info({ peer: stream.peerId }, 'a stranger asked for a pairing')
    stream.abort('refused')
  }

  /** Compares with all of them, so that the time it takes says nothing. */
  #named(handle: Uint8Array): StartedPairing | undefined {
    let found: StartedPairing | undefined
    for (const pairing of this.#pairings.values())
      if (pairing.side === 'started' && timingSafeEqual(pairing.handle, handle)) found = pairing
    return found
  }

  #get(id: string): Pairing {
    const pairing = this.#pairings.get(id)
    if (!pairing) throw new VivimError('NotFound', 'There is no such pairing.', { field: 'pairingId' })
    return pairing
  }

  /** Ended ones are kept to be asked about until there is no room; of one user's codes the oldest unused one goes. */
  #makeRoom(did: string | undefined): void {
    const all = [...this.#pairings.values()]
    const own = all.filter((pairing) => pairing.did === did && !pairing.confirmation.over)
    if (own.length >= LIMITS.pairingsPerUser) {
      const unused = own.find(({ confirmation }) => confirmation.state === 'waiting')
      if (!unused) throw tooMany()
      unused.confirmation.fail('cancelled')
    }
    if (all.length + this.#joining < LIMITS.pairings) return
    const ended = all.find(({ confirmation }) => confirmation.over)
    if (!ended) throw tooMany()
    this.#forget(ended)
  }

  #keep(pairing: Pairing): void {
    this.#pairings.set(pairing.id, pairing)
    const expire = () => {
      const { now } = this.#options
      const deadline = pairing.expiresAt + (pairing.granted ? LIMITS.pairingGraceMs : 0)
      if (now() >= deadline) pairing.confirmation.fail('expired')
      else this.#timers.set(pairing.id, setTimeout(expire, deadline - now()).unref())
    }
    expire()
  }

  #forget(pairing: Pairing): void {
    this.#pairings.delete(pairing.id)
    clearTimeout(this.#timers.get(pairing.id))
    this.#timers.delete(pairing.id)
    pairing.stop()
  }

  #needNetwork(): void {
    const { network } = this.#options
    if (network.running && network.multiaddrs().length > 0) return
    throw new VivimError('Unavailable', 'The network is off.', {
      hint: '`vivimd config set network.enabled true` takes this device online.',
    })
  }

  #newId(): string {
    return Buffer.from(this.#options.random(12)).toString('hex')
  }
}

function viewOf(pairing: Pairing): Result<'devices.pair.status'> {
  const { id, side, did, confirmation, newDevice, expiresAt } = pairing
  const { check, state } = confirmation
  return {
    pairingId: id,
    side,
    state,
    did,
    ...(check === undefined ? {} : { check }),
    ...newDevice,
    expiresAt,
  }
}

function tooMany(): VivimError {
  return new VivimError('RateLimited', 'Too many pairings are under way.', { hint: 'Cancel one, or wait.' })
}
