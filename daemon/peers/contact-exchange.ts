import { setTimeout as delay } from 'node:timers/promises'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { certifiedUntil } from '../identity/certificate-life.ts'
import type { MemberDocument } from '../identity/member-document.ts'
import { detectSecrets } from '../knowledge/security/secrets.ts'
import type { FrameStream } from '../network/network.ts'
import { StreamAllowance } from '../network/stream-allowance.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import type { Reach } from '../vault/contact-rows.ts'
import type { Heard } from '../vault/contacts.ts'
import {
  type Answer,
  decodeAnswer,
  decodeNonce,
  encodeAnswer,
  encodeNonce,
  isStored,
  newNonce,
  STORED,
} from './contact-frames.ts'
import { type ContactProof, issueConsent, issueProof, readProof, type ShownProof } from './contact-proof.ts'
import { hashOfSecret } from './invite-link.ts'
import type { PeersOptions } from './options.ts'
import { PEERS_PROTOCOL, PEERS_STREAM } from './protocol.ts'
import { addressesToTell } from './reach.ts'
import { isRevoked } from './revoked-devices.ts'

/** People whose exchanges are counted at once; a stranger can be as many as they like. */
const NAMES = 10_000

export type Told = 'agreed' | 'taken' | 'refused'

type ExchangeOptions = Omit<PeersOptions, 'master'>

export interface ExchangeListener {
  /** Somebody and a user of this node are in contact, or one of them has moved. */
  onContact(did: string): void
  /** The other side may not know yet. */
  onUnconfirmed(did: string): void
  /** Somebody showed whose place they took, or who took theirs. */
  onSuccessions(did: string, statements: readonly Uint8Array[]): Promise<void>
}

/**
 * Both ends of the protocol in which two people agree to be in contact. Who asks shows first who they are and for whom
 * it is; the node that is asked shows who it serves to nobody but somebody that person wants to be in contact with.
 */
export class ContactExchange {
  readonly #options: ExchangeOptions
  readonly #to: ExchangeListener
  readonly #allowance: StreamAllowance
  readonly #perUser: TokenBuckets
  readonly #updates: TokenBuckets

  constructor(options: ExchangeOptions, to: ExchangeListener) {
    this.#options = options
    this.#to = to
    const now = () => performance.now()
    this.#allowance = new StreamAllowance({
      perPeer: LIMITS.contactStreamsPerPeer,
      ofAll: LIMITS.contactStreams,
      now,
    })
    const perUser = LIMITS.contactStreamsPerUser
    this.#perUser = new TokenBuckets({ burst: perUser, perSecond: perUser / 60, names: NAMES, now })
    this.#updates = new TokenBuckets({
      burst: LIMITS.contactUpdates,
      perSecond: 1_000 / LIMITS.contactUpdateMs,
      names: NAMES,
      now,
    })
    options.network.handle(PEERS_PROTOCOL, PEERS_STREAM, (stream) => this.#serve(stream))
  }

  stop(): void {
    this.#options.network.unhandle(PEERS_PROTOCOL)
  }

  /**
   * Shows a node of somebody that `did` wants to be in contact with them. `secret`: of an invite of theirs.
   * @throws VivimError `Unavailable` when the node cannot be reached or breaks off, `Corrupt` when it does not prove
   * that it is theirs, `Forbidden` when its device was taken out, `Expired` when a certificate has ended
   */
  async tell(did: string, other: string, reach: Reach, secret: Uint8Array | null): Promise<Told> {
    const { network, random, now, keysOf, vault } = this.#options
    const keys = await keysOf(did)
    if (this.#isOver(keys.chain))
      throw new VivimError('Expired', 'The certificate of this device has ended: nobody would believe it.', {
        hint: '`vivimd device renew` renews it.',
      })
    const signal = AbortSignal.timeout(LIMITS.contactExchangeMs)
    const stream = await network.open(reach, PEERS_PROTOCOL, { ...PEERS_STREAM, signal })
    try {
      const askerNonce = newNonce(random)
      await stream.send(encodeNonce(askerNonce), signal)
      const answererNonce = decodeNonce(await stream.receive(signal))
      if (!answererNonce) throw brokenOff()
      const context = contextOf(network.peerId, stream.peerId, askerNonce, answererNonce)
      const consent = issueConsent(keys, other, now())
      const proof = issueProof(keys.deviceKey, { ...(await this.#shown(did)), consent, secret }, context.asks)
      await stream.send(encodeCanonical(proof), signal)
      const answer = decodeAnswer(await stream.receive(signal))
      if (!answer) throw brokenOff()
      if (answer.type === 'agreed') {
        const theirs = readProof(answer.proof, context.answers)
        const heard = await this.#checked(theirs, other, did, stream.peerId)
        await this.#to.onSuccessions(did, theirs!.successions)
        await vault(did)('contactAnswered', { heard, own: consent })
        await stream.send(STORED, signal)
        this.#to.onContact(did)
      }
      await stream.close()
      return answer.type
    } catch (error) {
      stream.abort('ended')
      if (error instanceof VivimError) throw error
      throw new VivimError('Unavailable', 'The node there did not answer in time.', { cause: error })
    }
  }

  async #serve(stream: FrameStream): Promise<void> {
    const { network, random, count, log, vault } = this.#options
    if (!this.#allowance.take(stream.peerId)) {
      count('peers.refused.rate')
      return stream.abort('too many')
    }
    const signal = AbortSignal.timeout(LIMITS.contactExchangeMs)
    try {
      const askerNonce = decodeNonce(await stream.receive(signal))
      if (!askerNonce) throw brokenOff()
      const answererNonce = newNonce(random)
      await stream.send(encodeNonce(answererNonce), signal)
      const context = contextOf(stream.peerId, network.peerId, askerNonce, answererNonce)
      const fields = tryDecodeArray((await stream.receive(signal)) ?? new Uint8Array(0))
      const proof = fields && readProof(fields, context.asks)
      if (!proof) throw brokenOff()
      const answer = await this.#inTime(proof, this.#judge(proof, stream.peerId, context))
      await stream.send(encodeAnswer(answer), signal)
      if (answer.type === 'agreed') {
        const { from, to } = proof.who
        const stored = isStored(await stream.receive(signal).catch(() => undefined))
        if (stored) await vault(to)('contactConfirmed', { did: from })
        else this.#to.onUnconfirmed(to)
      }
      await stream.close()
    } catch (error) {
      count('peers.streams.broken')
      const reason = error instanceof Error ? error.message : String(error)
      log.info({ peer: stream.peerId, reason }, 'a stream of somebody who wants to be a contact ended')
      stream.abort('ended')
    }
  }

  /**
   * What is not agreed is answered after one and the same time, done or not: how long it took would tell whether
   * somebody lives here, and what they think of who asks.
   */
  async #inTime({ secret }: ContactProof, judged: Promise<Answer>): Promise<Answer> {
    const silence = delay(LIMITS.contactAnswerMs, { type: 'taken' } as const)
    // Who holds an invite knows that somebody lives here.
    const answer = await (secret ? judged : Promise.race([judged, silence]))
    if (answer.type !== 'agreed') await silence
    return answer
  }

  /** Never throws. */
  async #judge(proof: ContactProof, peerId: string, context: Contexts): Promise<Answer> {
    const { count, log } = this.#options
    const { from, to } = proof.who
    try {
      const outcome = await this.#outcome(proof, peerId)
      count(`peers.heard.${outcome.name}`)
      if (outcome.own) {
        this.#to.onContact(to)
        const shown = { ...(await this.#shown(to)), consent: outcome.own.consent, secret: null }
        return { type: 'agreed', proof: issueProof(outcome.own.deviceKey, shown, context.answers) }
      }
    } catch (error) {
      count('peers.heard.failed')
      const reason = error instanceof Error ? error.message : String(error)
      log.info({ reason, known: from !== to }, 'somebody who wants to be a contact was not judged')
    }
    return { type: proof.secret ? 'refused' : 'taken' }
  }

  async #outcome(proof: ContactProof, peerId: string) {
    const { keysOf, userOf, vault, now } = this.#options
    const { from, to } = proof.who
    if (from === to || !userOf(to)) return { name: 'not_here' }
    if (this.#perUser.take(to) > 0 || this.#updates.take(`${to} ${from}`) > 0) return { name: 'rate' }
    const keys = await keysOf(to)
    if (this.#isOver(proof.who.document.chain)) return { name: 'expired' }
    if (await this.#revoked(proof.who.document)) return { name: 'revoked' }
    await this.#to.onSuccessions(to, proof.successions)
    const consent = issueConsent(keys, from, now())
    const { secret } = proof
    const secretHash = secret && hashOfSecret(secret)
    const heard = heardFrom(proof, peerId)
    const { outcome } = await vault(to)('hearContact', { heard, own: consent, secretHash })
    if (outcome !== 'accepted') return { name: outcome }
    return { name: outcome, own: { consent, deviceKey: keys.deviceKey } }
  }

  async #checked(proof: ContactProof | undefined, from: string, to: string, peerId: string): Promise<Heard> {
    if (proof?.who.from !== from || proof.who.to !== to)
      throw new VivimError('Corrupt', 'The node there did not prove that it belongs to that person.')
    if (this.#isOver(proof.who.document.chain))
      throw new VivimError('Expired', 'The certificate of the device that answered has ended.')
    if (await this.#revoked(proof.who.document))
      throw new VivimError('Forbidden', 'That person has taken out the device that answered.')
    return heardFrom(proof, peerId)
  }

  #isOver(chain: readonly Uint8Array[]): boolean {
    return certifiedUntil(chain) + LIMITS.clockAheadMs <= this.#options.now()
  }

  /** As far as a master that answers knows. */
  async #revoked(document: MemberDocument): Promise<boolean> {
    try {
      const entry = await this.#options.find(document.did, AbortSignal.timeout(LIMITS.contactLookUpMs))
      return isRevoked(document, entry)
    } catch {
      return false
    }
  }

  async #shown(did: string): Promise<Pick<ShownProof, 'addresses' | 'displayName' | 'successions'>> {
    const { network, userOf, vault } = this.#options
    return {
      successions: await vault(did)('ownSuccessions', {}),
      addresses: addressesToTell(network.multiaddrs()),
      displayName: userOf(did)?.displayName?.slice(0, LIMITS.nameCharacters) ?? null,
    }
  }
}

interface Contexts {
  readonly asks: Parameters<typeof readProof>[1]
  readonly answers: Parameters<typeof readProof>[1]
}

function contextOf(
  asker: string,
  answerer: string,
  askerNonce: Uint8Array,
  answererNonce: Uint8Array,
): Contexts {
  const nonces = { askerNonce, answererNonce }
  return {
    asks: { role: 'asks', ownPeerId: asker, otherPeerId: answerer, ...nonces },
    answers: { role: 'answers', ownPeerId: answerer, otherPeerId: asker, ...nonces },
  }
}

function heardFrom({ who, displayName, addresses, consent }: ContactProof, peerId: string): Heard {
  return { did: who.from, displayName: nameOrNone(displayName), reach: { peerId, addresses }, consent }
}

/** What looks like a key would be kept in plain: nobody is called that. */
export function nameOrNone(displayName: string | null): string | null {
  return displayName !== null && detectSecrets(displayName).length === 0 ? displayName : null
}

function brokenOff(): VivimError {
  return new VivimError('Unavailable', 'The node there does not follow the protocol, or broke off.')
}
