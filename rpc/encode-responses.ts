import type { JSONRPCResponse } from 'json-rpc-2.0'
import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'
import { errorResponse } from './envelope.ts'
import type { RpcLog } from './types.ts'

/**
 * The responses of one line as JSON texts. One that cannot be written, or that would make the line larger than any
 * reader may leave unread, becomes an error under the same id.
 */
export function encodeResponses(responses: readonly JSONRPCResponse[], log: RpcLog): string[] {
  let budget = LIMITS.rpcSlowReaderBytes
  return responses.map((response) => {
    const text = encode(response, log)
    const bytes = Buffer.byteLength(text)
    if (bytes > budget) return JSON.stringify(errorResponse(response.id, tooLarge()))
    budget -= bytes
    return text
  })
}

function encode(response: JSONRPCResponse, log: RpcLog): string {
  try {
    return JSON.stringify(response)
  } catch (error) {
    log.error({ err: error }, 'A result could not be written as JSON.')
    return JSON.stringify(errorResponse(response.id, new VivimError('Internal')))
  }
}

function tooLarge(): VivimError {
  return new VivimError('TooLarge', 'The answer is larger than the limit.', { hint: 'Ask for less at once.' })
}
