import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { codeOfNumber, ERROR_CODES, type ErrorCode } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { PutOutcome } from './registry.ts'

export const REGISTRY_PROTOCOL = '/vivim/registry/1'
export const REGISTRY_STREAM = {
  maxFrameBytes: LIMITS.registryFrameBytes,
  maxInbound: LIMITS.registryStreamsPerPeer,
} as const

/** What a member asks; answers carry the id of their question. */
export type Question =
  | { readonly id: number; readonly type: 'ping' }
  | { readonly id: number; readonly type: 'find'; readonly did: string }
  | { readonly id: number; readonly type: 'put-user' | 'put-device'; readonly record: Uint8Array }

export type Answer =
  | { readonly id: number; readonly type: 'pong' }
  | { readonly id: number; readonly type: 'put'; readonly outcome: PutOutcome }
  /** Documents of the DID asked for; `found` comes after the last of them. */
  | { readonly id: number; readonly type: 'devices'; readonly documents: readonly Uint8Array[] }
  | { readonly id: number; readonly type: 'found'; readonly user: Uint8Array | null }
  | {
      readonly id: number
      readonly type: 'refused'
      readonly code: ErrorCode
      readonly retryAfterMs: number | null
    }

/** Numbers on the wire; added to, never renumbered. */
const QUESTION = { ping: 1, find: 2, 'put-user': 3, 'put-device': 4 } as const
const ANSWER = { pong: 1, put: 2, devices: 3, found: 4, refused: 5 } as const
const OUTCOMES: readonly PutOutcome[] = ['stored', 'stale']
const LONGEST_DID = 100

/** Canonical CBOR [id, number of the question, what it is about]. */
export function encodeQuestion(question: Question): Uint8Array {
  const { id, type } = question
  const rest: Cbor[] = type === 'ping' ? [] : [type === 'find' ? question.did : question.record]
  return encodeCanonical([id, QUESTION[type], ...rest])
}

/** @throws for what is no question */
export function decodeQuestion(frame: Uint8Array): Question {
  const [id, number, subject, ...more] = fieldsOf(frame)
  if (!isId(id) || more.length > 0) throw notAFrame()
  if (number === QUESTION.ping && subject === undefined) return { id, type: 'ping' }
  if (number === QUESTION.find && typeof subject === 'string' && subject.length <= LONGEST_DID)
    return { id, type: 'find', did: subject }
  if (number === QUESTION['put-user'] && subject instanceof Uint8Array)
    return { id, type: 'put-user', record: subject }
  if (number === QUESTION['put-device'] && subject instanceof Uint8Array)
    return { id, type: 'put-device', record: subject }
  throw notAFrame()
}

/** Canonical CBOR [id, number of the answer, its fields]. */
export function encodeAnswer(answer: Answer): Uint8Array {
  return encodeCanonical([answer.id, ANSWER[answer.type], ...fieldsOfAnswer(answer)])
}

/** @throws for what is no answer */
export function decodeAnswer(frame: Uint8Array): Answer {
  const [id, number, first, second, ...more] = fieldsOf(frame)
  if (!isId(id) || more.length > 0 || (second !== undefined && number !== ANSWER.refused)) throw notAFrame()
  if (number === ANSWER.pong && first === undefined) return { id, type: 'pong' }
  const outcome = number === ANSWER.put && typeof first === 'number' ? OUTCOMES[first] : undefined
  if (outcome) return { id, type: 'put', outcome }
  if (number === ANSWER.devices && isList(first) && first.every(isBytes))
    return { id, type: 'devices', documents: first }
  if (number === ANSWER.found && (first === null || isBytes(first))) return { id, type: 'found', user: first }
  if (number === ANSWER.refused && typeof first === 'number' && (second === null || isId(second)))
    return { id, type: 'refused', code: codeOfNumber(first) ?? 'Unavailable', retryAfterMs: second }
  throw notAFrame()
}

function fieldsOfAnswer(answer: Answer): Cbor[] {
  switch (answer.type) {
    case 'pong':
      return []
    case 'put':
      return [OUTCOMES.indexOf(answer.outcome)]
    case 'devices':
      return [answer.documents]
    case 'found':
      return [answer.user]
    case 'refused':
      return [ERROR_CODES[answer.code].number, answer.retryAfterMs]
  }
}

function fieldsOf(frame: Uint8Array): readonly Cbor[] {
  const value = decodeCanonical(frame)
  if (!isList(value)) throw notAFrame()
  return value
}

function isList(value: Cbor | undefined): value is readonly Cbor[] {
  return Array.isArray(value)
}

function isBytes(value: Cbor | undefined): value is Uint8Array {
  return value instanceof Uint8Array
}

function isId(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function notAFrame(): Error {
  return new Error('not a frame of the registry')
}
