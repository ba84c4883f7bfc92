import { createJSONRPCErrorResponse, type JSONRPCErrorResponse } from 'json-rpc-2.0'
import { ERROR_CODES, VivimError } from '../schema/errors.ts'
import type { RequestId } from './types.ts'

/** A JSON-RPC 2.0 request object whose shape was checked; without `id` it is a notification. */
export interface RequestObject {
  readonly jsonrpc: '2.0'
  readonly method: string
  readonly params?: readonly unknown[] | Readonly<Record<string, unknown>>
  readonly id?: RequestId
}

/** Each item is a request, or the answer to something that is none. */
export interface Envelope {
  readonly batch: boolean
  readonly items: readonly (RequestObject | JSONRPCErrorResponse)[]
}

/** Reads one line as the specification's sections 4 to 6 say; `ParseError`, `InvalidRequest` or `TooLarge` as items. */
export function parseEnvelope(text: string, maxBatch: number): Envelope {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return single(errorResponse(null, new VivimError('ParseError')))
  }
  if (!Array.isArray(value)) return single(requestOf(value))
  if (value.length === 0) return single(errorResponse(null, new VivimError('InvalidRequest')))
  if (value.length > maxBatch) {
    const hint = `A batch holds ${maxBatch} requests at most.`
    return single(errorResponse(null, new VivimError('TooLarge', undefined, { hint })))
  }
  return { batch: true, items: value.map(requestOf) }
}

export function isRequest(item: RequestObject | JSONRPCErrorResponse): item is RequestObject {
  return 'method' in item
}

/** The response for an error. What is no VivimError becomes `Internal`, without its text. */
export function errorResponse(id: RequestId, error: unknown): JSONRPCErrorResponse {
  const { number, message, data } = isTyped(error) ? error : new VivimError('Internal')
  return createJSONRPCErrorResponse(id, number, message, data)
}

/** True for errors that callers may see as they are. */
export function isTyped(error: unknown): error is VivimError {
  return error instanceof VivimError && Object.hasOwn(ERROR_CODES, error.code)
}

function single(item: RequestObject | JSONRPCErrorResponse): Envelope {
  return { batch: false, items: [item] }
}

function requestOf(value: unknown): RequestObject | JSONRPCErrorResponse {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return invalid(null)
  const { jsonrpc, method, params, id } = value as Record<string, unknown>
  const hasId = Object.hasOwn(value, 'id')
  if (hasId && !isRequestId(id))
    return invalid(null, 'Use a string, null, or a number that survives JSON as id.')
  const answerTo = hasId ? (id as RequestId) : null
  if (jsonrpc !== '2.0' || typeof method !== 'string') return invalid(answerTo)
  const hasParams = Object.hasOwn(value, 'params')
  if (hasParams && (typeof params !== 'object' || params === null)) {
    return invalid(answerTo, 'Give params as an object, or leave it out.')
  }
  return {
    jsonrpc,
    method,
    ...(hasParams ? { params: params as NonNullable<RequestObject['params']> } : {}),
    ...(hasId ? { id: id as RequestId } : {}),
  }
}

/** Numbers that parsing has already changed cannot be answered under the same id. */
function isRequestId(id: unknown): id is RequestId {
  if (typeof id === 'number') return Number.isFinite(id) && Math.abs(id) <= Number.MAX_SAFE_INTEGER
  return typeof id === 'string' || id === null
}

function invalid(id: RequestId, hint?: string): JSONRPCErrorResponse {
  return errorResponse(id, new VivimError('InvalidRequest', undefined, { hint }))
}
