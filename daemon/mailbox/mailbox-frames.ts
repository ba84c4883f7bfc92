import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { MAILBOX_ID_BYTES } from '../../crdt/mailbox.ts'
import { codeOfNumber, ERROR_CODES, type ErrorCode } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'

export const MAILBOX_PROTOCOL = '/vivim/mailbox/1'
export const MAILBOX_STREAM = {
  maxFrameBytes: LIMITS.mailboxFrameBytes,
  maxInbound: LIMITS.mailboxStreamsPerPeer,
} as const
export const NONCE_BYTES = 32

/** What a member says; each is answered before the next. */
export type MailboxQuestion =
  | { readonly type: 'hello'; readonly nonce: Uint8Array }
  /** A member document of a registered device, and that device's signature over the stream. */
  | { readonly type: 'token'; readonly document: Uint8Array; readonly signature: Uint8Array }
  /** From now on this mailbox is meant. With a token it may be deposited into. */
  | {
      readonly type: 'open'
      readonly id: Uint8Array
      readonly access: Uint8Array
      readonly signature: Uint8Array
      readonly token: Uint8Array | null
    }
  | { readonly type: 'deposit'; readonly sealed: Uint8Array }
  /** Items beyond that number. */
  | { readonly type: 'list'; readonly beyond: number }
  | { readonly type: 'fetch'; readonly number: number }
  | { readonly type: 'delete'; readonly numbers: readonly number[] }

export interface ListedItem {
  readonly number: number
  readonly digest: Uint8Array
}

export type MailboxAnswer =
  /** `time`: what the keeper calls now, milliseconds UTC; one of an older program does not say. */
  | { readonly type: 'hello'; readonly nonce: Uint8Array; readonly time: number | undefined }
  | { readonly type: 'token'; readonly token: Uint8Array; readonly until: number }
  /** Done; the number is that of a deposit, else 0. */
  | { readonly type: 'done'; readonly number: number }
  | { readonly type: 'list'; readonly items: readonly ListedItem[] }
  | { readonly type: 'item'; readonly sealed: Uint8Array }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly retryAfterMs: number | null }

/** Numbers on the wire; added to, never renumbered. */
const QUESTION = { hello: 1, token: 2, open: 3, deposit: 4, list: 5, fetch: 6, delete: 7 } as const
const ANSWER = { hello: 1, token: 2, done: 3, list: 4, item: 5, refused: 6 } as const
const SIGNATURE_BYTES = 64
const KEY_BYTES = 32
const DIGEST_BYTES = 16
const LONGEST_TOKEN = 256

/** What a signature is over: this stream's two ends and both their random numbers, so that it is good on no other. */
export function signedInMailbox(
  purpose: 'token' | 'open',
  stream: { readonly member: string; readonly keeper: string; readonly nonces: readonly Uint8Array[] },
  subject: Uint8Array,
): Uint8Array {
  const { member, keeper, nonces } = stream
  return encodeCanonical([`vivim/mailbox-${purpose}/1`, member, keeper, [...nonces], subject])
}

export function encodeMailboxQuestion(question: MailboxQuestion): Uint8Array {
  return encodeCanonical([QUESTION[question.type], ...fieldsOfQuestion(question)])
}

function fieldsOfQuestion(question: MailboxQuestion): Cbor[] {
  switch (question.type) {
    case 'hello':
      return [question.nonce]
    case 'token':
      return [question.document, question.signature]
    case 'open':
      return [question.id, question.access, question.signature, question.token]
    case 'deposit':
      return [question.sealed]
    case 'list':
      return [question.beyond]
    case 'fetch':
      return [question.number]
    case 'delete':
      return [[...question.numbers]]
  }
}

/** @throws for what is no question */
export function decodeMailboxQuestion(frame: Uint8Array): MailboxQuestion {
  const [type, a, b, c, d, ...more] = fieldsOf(frame)
  const only = b === undefined
  if (more.length > 0) throw notAFrame()
  if (type === QUESTION.hello && isBytes(a, NONCE_BYTES) && only) return { type: 'hello', nonce: a }
  if (type === QUESTION.token && isBytes(a) && isBytes(b, SIGNATURE_BYTES) && c === undefined)
    return { type: 'token', document: a, signature: b }
  if (type === QUESTION.open && isBytes(a, MAILBOX_ID_BYTES) && isBytes(b, KEY_BYTES))
    if (isBytes(c, SIGNATURE_BYTES) && (d === null || (isBytes(d) && d.length <= LONGEST_TOKEN)))
      return { type: 'open', id: a, access: b, signature: c, token: d }
  if (type === QUESTION.deposit && isBytes(a) && only) return { type: 'deposit', sealed: a }
  if (type === QUESTION.list && isNumber(a) && only) return { type: 'list', beyond: a }
  if (type === QUESTION.fetch && isNumber(a) && only) return { type: 'fetch', number: a }
  if (type === QUESTION.delete && Array.isArray(a) && only)
    if (a.length <= LIMITS.mailboxListed && a.every(isNumber))
      return { type: 'delete', numbers: a as number[] }
  throw notAFrame()
}

export function encodeMailboxAnswer(answer: MailboxAnswer): Uint8Array {
  return encodeCanonical([ANSWER[answer.type], ...fieldsOfAnswer(answer)])
}

function fieldsOfAnswer(answer: MailboxAnswer): Cbor[] {
  switch (answer.type) {
    case 'hello':
      return answer.time === undefined ? [answer.nonce] : [answer.nonce, answer.time]
    case 'token':
      return [answer.token, answer.until]
    case 'done':
      return [answer.number]
    case 'list':
      return [answer.items.map(({ number, digest }): Cbor => [number, digest])]
    case 'item':
      return [answer.sealed]
    case 'refused':
      return [ERROR_CODES[answer.code].number, answer.retryAfterMs]
  }
}

/** @throws for what is no answer */
export function decodeMailboxAnswer(frame: Uint8Array): MailboxAnswer {
  const [type, a, b] = fieldsOf(frame)
  if (type === ANSWER.hello && isBytes(a, NONCE_BYTES))
    return { type: 'hello', nonce: a, time: isNumber(b) ? b : undefined }
  if (type === ANSWER.token && isBytes(a) && isNumber(b)) return { type: 'token', token: a, until: b }
  if (type === ANSWER.done && isNumber(a)) return { type: 'done', number: a }
  if (type === ANSWER.item && isBytes(a)) return { type: 'item', sealed: a }
  if (type === ANSWER.list && Array.isArray(a) && a.length <= LIMITS.mailboxListed)
    return { type: 'list', items: (a as readonly Cbor[]).map(listedItem) }
  if (type === ANSWER.refused && typeof a === 'number' && (b === null || isNumber(b))) {
    const code = codeOfNumber(a)
    if (code) return { type: 'refused', code, retryAfterMs: b }
  }
  throw notAFrame()
}

function listedItem(item: Cbor): ListedItem {
  const [number, digest] = Array.isArray(item) ? (item as readonly Cbor[]) : []
  if (!isNumber(number) || !isBytes(digest, DIGEST_BYTES)) throw notAFrame()
  return { number, digest }
}

function fieldsOf(frame: Uint8Array): readonly Cbor[] {
  const fields = tryDecodeArray(frame)
  if (!fields) throw notAFrame()
  return fields
}

function isBytes(value: Cbor | undefined, length?: number): value is Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length)
}

function isNumber(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function notAFrame(): Error {
  return new Error('not a frame of the mailbox protocol')
}
