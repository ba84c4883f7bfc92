import type { KeyObject } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { privateKeyOfSeed, publicKeyBytes, sign } from '../identity/ed25519.ts'
import type { FrameStream, Network } from '../network/network.ts'
import {
  decodeMailboxAnswer,
  encodeMailboxQuestion,
  type ListedItem,
  MAILBOX_PROTOCOL,
  MAILBOX_STREAM,
  type MailboxAnswer,
  type MailboxQuestion,
  NONCE_BYTES,
  signedInMailbox,
} from './mailbox-frames.ts'

export interface Keeper {
  readonly peerId: string
  readonly addresses: readonly string[]
}

export interface MailboxToken {
  readonly token: Uint8Array
  /** Milliseconds UTC. */
  readonly until: number
}

/** A stream to a keeper, and what a member asks on it, one question after another. */
export class MailboxVisit {
  readonly #stream: FrameStream
  readonly #signal: AbortSignal
  readonly #ends: { readonly member: string; readonly keeper: string; readonly nonces: readonly Uint8Array[] }

  /** What the keeper called now when the visit began, milliseconds UTC. */
  readonly time: number | undefined

  /** The mailbox that is open for deposits, in hex. */
  #opened: string | undefined

  private constructor(
    stream: FrameStream,
    signal: AbortSignal,
    member: string,
    nonces: readonly [Uint8Array, Uint8Array],
    time: number | undefined,
  ) {
    this.#stream = stream
    this.#signal = signal
    this.time = time
    this.#ends = { member, keeper: stream.peerId, nonces }
  }

  /** @throws VivimError `Unavailable` */
  static async begin(
    network: Pick<Network, 'peerId' | 'open'>,
    keeper: Keeper,
    random: (bytes: number) => Uint8Array,
    signal: AbortSignal,
  ): Promise<MailboxVisit> {
    const stream = await network.open(keeper, MAILBOX_PROTOCOL, { ...MAILBOX_STREAM, signal })
    try {
      const nonce = random(NONCE_BYTES)
      const answer = await ask(stream, { type: 'hello', nonce }, signal)
      if (answer.type !== 'hello') throw unexpected()
      return new MailboxVisit(stream, signal, network.peerId, [nonce, answer.nonce], answer.time)
    } catch (error) {
      stream.abort('no keeper')
      throw error
    }
  }

  get opened(): string | undefined {
    return this.#opened
  }

  /** Leave to deposit. @throws VivimError `Forbidden` for a device that is not registered */
  async token(document: Uint8Array, deviceKey: KeyObject): Promise<MailboxToken> {
    const signature = sign(deviceKey, signedInMailbox('token', this.#ends, document))
    const answer = await this.#ask({ type: 'token', document, signature })
    if (answer.type !== 'token') throw unexpected()
    return { token: answer.token, until: answer.until }
  }

  /** What follows is about this mailbox. @throws VivimError `Expired` for a token that is no longer good */
  async open(id: Uint8Array, accessSeed: Uint8Array, token: Uint8Array | null): Promise<void> {
    const key = privateKeyOfSeed(accessSeed)
    const signature = sign(key, signedInMailbox('open', this.#ends, id))
    await this.#ask({ type: 'open', id, access: publicKeyBytes(key), signature, token })
    this.#opened = token === null ? undefined : Buffer.from(id).toString('hex')
  }

  /** @throws VivimError `TooLarge` or `StorageFull` when there is no room */
  async deposit(sealed: Uint8Array): Promise<void> {
    await this.#ask({ type: 'deposit', sealed })
  }

  async list(): Promise<ListedItem[]> {
    const items: ListedItem[] = []
    for (;;) {
      const answer = await this.#ask({ type: 'list', beyond: items.at(-1)?.number ?? 0 })
      if (answer.type !== 'list') throw unexpected()
      // A keeper that counts backwards would have us ask for ever.
      const further = answer.items.filter(({ number }) => number > (items.at(-1)?.number ?? 0))
      items.push(...further)
      if (further.length < LIMITS.mailboxListed || items.length > LIMITS.mailboxBytes / 512) return items
    }
  }

  async fetch(number: number): Promise<Uint8Array> {
    const answer = await this.#ask({ type: 'fetch', number })
    if (answer.type !== 'item') throw unexpected()
    return answer.sealed
  }

  async delete(numbers: readonly number[]): Promise<void> {
    for (let at = 0; at < numbers.length; at += LIMITS.mailboxListed)
      await this.#ask({ type: 'delete', numbers: numbers.slice(at, at + LIMITS.mailboxListed) })
  }

  async end(): Promise<void> {
    await this.#stream.close()
  }

  abort(): void {
    this.#stream.abort('the visit is over')
  }

  /** Waits when the keeper says so. */
  async #ask(question: MailboxQuestion): Promise<MailboxAnswer> {
    for (;;) {
      try {
        return await ask(this.#stream, question, this.#signal)
      } catch (error) {
        if (!(error instanceof VivimError) || error.code !== 'RateLimited') throw error
        await delay(Math.min(error.retryAfterMs ?? 0, LIMITS.mailboxCallMs) + 50, undefined, {
          signal: this.#signal,
        })
      }
    }
  }
}

async function ask(
  stream: FrameStream,
  question: MailboxQuestion,
  outer: AbortSignal,
): Promise<MailboxAnswer> {
  const signal = AbortSignal.any([outer, AbortSignal.timeout(LIMITS.mailboxCallMs)])
  await stream.send(encodeMailboxQuestion(question), signal)
  const frame = await stream.receive(signal)
  if (!frame) throw new VivimError('Unavailable', 'The keeper ended the stream.')
  const answer = decodeMailboxAnswer(frame)
  if (answer.type !== 'refused') return answer
  throw new VivimError(answer.code, undefined, { retryAfterMs: answer.retryAfterMs ?? 0 })
}

function unexpected(): VivimError {
  return new VivimError('Unavailable', 'The keeper did not answer as expected.')
}
