import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { codeOfNumber, ERROR_CODES, type ErrorCode } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { RecordKind } from './record-kinds.ts'
import type { Inclusion, PutOutcome, Since, Witness } from './registry.ts'

export const REGISTRY_PROTOCOL = '/vivim/registry/1'
export const REGISTRY_STREAM = {
  maxFrameBytes: LIMITS.registryFrameBytes,
  maxInbound: LIMITS.registryStreamsPerPeer,
} as const

/** What a member asks; answers carry the id of their question. */
export type Question =
  | { readonly id: number; readonly type: 'ping' }
  | { readonly id: number; readonly type: 'find'; readonly did: string }
  /** What was written to the person whose device signed the question, and by them. */
  | { readonly id: number; readonly type: 'connections'; readonly question: Uint8Array }
  | { readonly id: number; readonly type: 'put'; readonly kind: RecordKind; readonly record: Uint8Array }
  | {
      readonly id: number
      readonly type: 'witness'
      readonly since: Since | null
      readonly leaves: readonly Uint8Array[]
    }

export type Answer =
  | { readonly id: number; readonly type: 'pong' }
  | { readonly id: number; readonly type: 'put'; readonly outcome: PutOutcome }
  /** Documents of the DID asked for; `found` comes after the last of them. */
  | { readonly id: number; readonly type: 'devices'; readonly documents: readonly Uint8Array[] }
  | { readonly id: number; readonly type: 'found'; readonly user: Uint8Array | null }
  /** Other records of the DID asked for; `found` comes after the last of them. */
  | {
      readonly id: number
      readonly type: 'records'
      readonly kind: RecordKind
      readonly documents: readonly Uint8Array[]
    }
  | { readonly id: number; readonly type: 'witness'; readonly witness: Witness }
  | {
      readonly id: number
      readonly type: 'refused'
      readonly code: ErrorCode
      readonly retryAfterMs: number | null
    }

/** Numbers on the wire; added to, never renumbered. */
const QUESTION = { ping: 1, find: 2, witness: 7, connections: 13 } as const
const PUT: Readonly<Record<RecordKind, number>> = {
  user: 3,
  device: 4,
  entry: 5,
  sealed: 6,
  stats: 8,
  palette: 9,
  tombstone: 10,
  successor: 12,
  connection: 14,
}
const ANSWER = { pong: 1, put: 2, devices: 3, found: 4, refused: 5, records: 6, witness: 7 } as const
const OUTCOMES: readonly PutOutcome[] = ['stored', 'stale']
const LONGEST_DID = 100
const HASH_BYTES = 32
/** Nodes from a leaf to the root of the largest log, and one more. */
const LONGEST_PROOF = 64

/** Canonical CBOR [id, number of the question, what it is about]. */
export function encodeQuestion(question: Question): Uint8Array {
  const { id } = question
  switch (question.type) {
    case 'ping':
      return encodeCanonical([id, QUESTION.ping])
    case 'find':
      return encodeCanonical([id, QUESTION.find, question.did])
    case 'connections':
      return encodeCanonical([id, QUESTION.connections, question.question])
    case 'put':
      return encodeCanonical([id, PUT[question.kind], question.record])
    case 'witness': {
      const { since, leaves } = question
      return encodeCanonical([id, QUESTION.witness, since && [since.generation, since.size], leaves])
    }
  }
}

/** @throws for what is no question */
export function decodeQuestion(frame: Uint8Array): Question {
  const [id, number, subject, second, ...more] = fieldsOf(frame)
  if (!isId(id) || more.length > 0 || (second !== undefined && number !== QUESTION.witness)) throw notAFrame()
  if (number === QUESTION.ping && subject === undefined) return { id, type: 'ping' }
  if (number === QUESTION.find && typeof subject === 'string' && subject.length <= LONGEST_DID)
    return { id, type: 'find', did: subject }
  if (number === QUESTION.connections && subject instanceof Uint8Array)
    return { id, type: 'connections', question: subject }
  const kind = kindOf(number)
  if (kind && subject instanceof Uint8Array) return { id, type: 'put', kind, record: subject }
  if (
    number === QUESTION.witness &&
    isSince(subject) &&
    isList(second) &&
    isHashes(second, LIMITS.witnessLeaves)
  )
    return { id, type: 'witness', since: readSince(subject), leaves: second }
  throw notAFrame()
}

/** Canonical CBOR [id, number of the answer, its fields]. */
export function encodeAnswer(answer: Answer): Uint8Array {
  return encodeCanonical([answer.id, ANSWER[answer.type], ...fieldsOfAnswer(answer)])
}

/** @throws for what is no answer */
export function decodeAnswer(frame: Uint8Array): Answer {
  const [id, number, first, second, third, ...more] = fieldsOf(frame)
  if (!isId(id) || more.length > 0 || (third !== undefined && number !== ANSWER.witness)) throw notAFrame()
  if (number === ANSWER.witness) return { id, type: 'witness', witness: readWitness(first, second, third) }
  const kind = number === ANSWER.records ? kindOf(first) : undefined
  if (kind && isList(second) && second.every(isBytes)) return { id, type: 'records', kind, documents: second }
  if (second !== undefined && number !== ANSWER.refused) throw notAFrame()
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
    case 'records':
      return [PUT[answer.kind], answer.documents]
    case 'witness': {
      const { head, consistency, inclusions } = answer.witness
      return [head, consistency, inclusions.map((each) => each && [each.index, each.path])]
    }
    case 'refused':
      return [ERROR_CODES[answer.code].number, answer.retryAfterMs]
  }
}

function kindOf(number: Cbor | undefined): RecordKind | undefined {
  return (Object.keys(PUT) as RecordKind[]).find((kind) => PUT[kind] === number)
}

/** @throws for what is no witness */
function readWitness(
  head: Cbor | undefined,
  consistency: Cbor | undefined,
  inclusions: Cbor | undefined,
): Witness {
  if (!isBytes(head) || !isList(inclusions) || inclusions.length > LIMITS.witnessLeaves) throw notAFrame()
  if (consistency !== null && !(isList(consistency) && isHashes(consistency, LONGEST_PROOF)))
    throw notAFrame()
  return { head, consistency, inclusions: inclusions.map(readInclusion) }
}

function readInclusion(value: Cbor): Inclusion | null {
  if (value === null) return null
  if (!isList(value)) throw notAFrame()
  const [index, path, ...more] = value
  if (!isId(index) || !isList(path) || !isHashes(path, LONGEST_PROOF) || more.length > 0) throw notAFrame()
  return { index, path }
}

function isSince(value: Cbor | undefined): value is null | readonly Cbor[] {
  return value === null || (isList(value) && value.length === 2 && value.every(isId))
}

function readSince(value: null | readonly Cbor[]): Since | null {
  return value && { generation: value[0] as number, size: value[1] as number }
}

function isHashes(values: readonly Cbor[], most: number): values is readonly Uint8Array[] {
  return values.length <= most && values.every((value) => isBytes(value) && value.length === HASH_BYTES)
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
