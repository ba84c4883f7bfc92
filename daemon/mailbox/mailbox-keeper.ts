import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { createFile } from '../identity/atomic-file.ts'
import { certifiedUntil } from '../identity/certificate-life.ts'
import { verify } from '../identity/ed25519.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import type { RegistryEntry } from '../master/registry.ts'
import { entriesIn, isTakenOut } from '../master/revoked-signers.ts'
import type { FrameStream, Network } from '../network/network.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import {
  decodeMailboxQuestion,
  encodeMailboxAnswer,
  MAILBOX_PROTOCOL,
  MAILBOX_STREAM,
  type MailboxAnswer,
  type MailboxQuestion,
  NONCE_BYTES,
  signedInMailbox,
} from './mailbox-frames.ts'
import { MAILBOX_QUOTAS, type MailboxQuotas, MailboxStore } from './mailbox-store.ts'
import { MailboxTokens } from './mailbox-tokens.ts'

export interface MailboxKeeperOptions {
  readonly network: Pick<Network, 'peerId' | 'handle' | 'unhandle'>
  /** Made when absent, 0700. */
  readonly folder: string
  /** What is registered of a person. @throws VivimError `Unavailable` */
  readonly find: (
    did: string,
  ) => Promise<(Pick<RegistryEntry, 'devices'> & Partial<RegistryEntry>) | undefined>
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly count: (name: string, by?: number) => void
  readonly quotas?: MailboxQuotas
}

/** One stream: what has been shown on it so far. */
interface Visit {
  readonly stream: FrameStream
  nonces?: readonly [member: Uint8Array, keeper: Uint8Array]
  box?: { readonly id: Uint8Array; readonly access: Uint8Array; readonly owner: string | undefined }
}

const DONE: MailboxAnswer = { type: 'done', number: 0 }
/** What a question costs of a peer's share; 1 otherwise. */
const COST: Partial<Record<MailboxQuestion['type'], number>> = { token: 10, open: 10, deposit: 10 }

/**
 * Keeps sealed items for devices that are away. It knows mailboxes by names that mean nothing to it, lets nobody open
 * one who does not hold the key of it, and lets only devices that are registered at the master put something in.
 */
export class MailboxKeeper {
  readonly #options: MailboxKeeperOptions
  readonly #store: MailboxStore
  readonly #tokens: MailboxTokens
  readonly #buckets: TokenBuckets
  readonly #streams = new Set<FrameStream>()
  #expiring: NodeJS.Timeout | undefined

  constructor(options: MailboxKeeperOptions) {
    this.#options = options
    this.#store = new MailboxStore(options.folder, options.now, options.quotas ?? MAILBOX_QUOTAS)
    this.#tokens = new MailboxTokens(keyIn(options.folder))
    this.#buckets = new TokenBuckets({
      burst: LIMITS.mailboxBurst,
      perSecond: LIMITS.mailboxPerSecond,
      names: LIMITS.mailboxPeers,
      now: () => performance.now(),
    })
  }

  get bytes(): number {
    return this.#store.bytes
  }

  get mailboxes(): number {
    return this.#store.count
  }

  start(): void {
    this.#options.network.handle(MAILBOX_PROTOCOL, MAILBOX_STREAM, (stream) => this.#serve(stream))
    this.#expiring = setInterval(() => this.expire(), LIMITS.mailboxExpireMs)
    this.#expiring.unref()
  }

  stop(): void {
    clearInterval(this.#expiring)
    this.#options.network.unhandle(MAILBOX_PROTOCOL)
    for (const stream of this.#streams) stream.abort('the keeper closes')
  }

  expire(): void {
    const gone = this.#store.expire()
    if (gone > 0) this.#options.count('mailbox.expired', gone)
  }

  async #serve(stream: FrameStream): Promise<void> {
    this.#streams.add(stream)
    void stream.closed.then(() => this.#streams.delete(stream))
    const visit: Visit = { stream }
    let refusals = 0
    try {
      for (;;) {
        const frame = await stream.receive(AbortSignal.timeout(LIMITS.mailboxSilenceMs))
        if (!frame) break
        const answer = await this.#answer(visit, frame)
        await stream.send(encodeMailboxAnswer(answer), AbortSignal.timeout(LIMITS.mailboxSilenceMs))
        if (answer.type === 'refused') {
          this.#options.count(`mailbox.refused.${answer.code}`)
          if (++refusals >= LIMITS.mailboxRefusals) return stream.abort('too many refusals')
        }
      }
      await stream.close()
    } catch {
      this.#options.count('mailbox.streams.broken')
      stream.abort('not a mailbox stream')
    }
  }

  /** @throws for what is no question */
  async #answer(visit: Visit, frame: Uint8Array): Promise<MailboxAnswer> {
    const question = decodeMailboxQuestion(frame)
    const waitMs = this.#buckets.take(visit.stream.peerId, COST[question.type] ?? 1)
    if (waitMs > 0) return { type: 'refused', code: 'RateLimited', retryAfterMs: waitMs }
    try {
      return await this.#do(visit, question)
    } catch (error) {
      const { code, retryAfterMs } = error instanceof VivimError ? error : new VivimError('Internal')
      return { type: 'refused', code, retryAfterMs: retryAfterMs ?? null }
    }
  }

  async #do(visit: Visit, question: MailboxQuestion): Promise<MailboxAnswer> {
    if (question.type === 'hello') {
      if (visit.nonces) throw new VivimError('Conflict')
      const nonce = new Uint8Array(randomBytes(NONCE_BYTES))
      visit.nonces = [question.nonce, nonce]
      return { type: 'hello', nonce, time: this.#options.now() }
    }
    if (!visit.nonces) throw new VivimError('Unauthorized')
    if (question.type === 'token') return this.#token(visit, question)
    if (question.type === 'open') return this.#open(visit, question)
    if (!visit.box) throw new VivimError('Unauthorized')
    const { id, access, owner } = visit.box
    switch (question.type) {
      case 'deposit': {
        if (owner === undefined) throw new VivimError('Forbidden')
        if (question.sealed.length > LIMITS.sealedBytes) throw new VivimError('TooLarge')
        // Another may have made it since, with a key of their own.
        this.#insist(id, access)
        const number = this.#store.deposit(id, access, owner, question.sealed)
        this.#options.count('mailbox.deposits')
        return { type: 'done', number }
      }
      case 'list':
        return { type: 'list', items: this.#store.list(id, question.beyond) }
      case 'fetch':
        this.#options.count('mailbox.fetched')
        return { type: 'item', sealed: this.#store.fetch(id, question.number) }
      case 'delete':
        this.#store.remove(id, question.numbers)
        return DONE
    }
  }

  async #token(
    visit: Visit,
    { document, signature }: MailboxQuestion & { type: 'token' },
  ): Promise<MailboxAnswer> {
    const { find, now } = this.#options
    const member = readMemberDocument(document)
    const right = member && verify(member.device, this.#signed(visit, 'token', document), signature)
    if (!right) throw new VivimError('Forbidden')
    const { devices = [], records = [] } = (await find(member.did)) ?? {}
    const registered = devices.some((known) => readMemberDocument(known)?.deviceDid === member.deviceDid)
    if (certifiedUntil(member.chain) <= now()) throw new VivimError('Expired')
    if (!registered || isTakenOut(member, entriesIn(records))) throw new VivimError('Forbidden')
    const until = now() + LIMITS.mailboxTokenMs
    return { type: 'token', token: this.#tokens.issue(member.did, until), until }
  }

  #open(visit: Visit, { id, access, signature, token }: MailboxQuestion & { type: 'open' }): MailboxAnswer {
    if (!verify(access, this.#signed(visit, 'open', id), signature)) throw new VivimError('Forbidden')
    this.#insist(id, access)
    const owner = token === null ? undefined : this.#tokens.ownerOf(token, this.#options.now())
    if (token !== null && owner === undefined) throw new VivimError('Expired')
    visit.box = { id: new Uint8Array(id), access: new Uint8Array(access), owner }
    return DONE
  }

  /** @throws VivimError `Forbidden` when the mailbox is another's */
  #insist(id: Uint8Array, access: Uint8Array): void {
    const known = this.#store.accessTo(id)
    if (known && Buffer.compare(known, access) !== 0) throw new VivimError('Forbidden')
  }

  #signed({ stream, nonces }: Visit, purpose: 'token' | 'open', subject: Uint8Array): Uint8Array {
    const ends = { member: stream.peerId, keeper: this.#options.network.peerId }
    return signedInMailbox(purpose, { ...ends, nonces: nonces ?? [] }, subject)
  }
}

/** The key of the tokens; with another one, who filled what would be forgotten. */
function keyIn(folder: string): Uint8Array {
  const file = join(folder, 'key')
  if (!existsSync(file)) createFile(file, new Uint8Array(randomBytes(32)))
  return new Uint8Array(readFileSync(file))
}
