import type { JSONRPCResponse } from 'json-rpc-2.0'
import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'
import { errorResponse } from './envelope.ts'
import type { RpcLog } from './types.ts'

/** A response as JSON text. One that cannot be written, or that no reader could take, becomes an error. */
export function encodeResponse(response: JSONRPCResponse, log: RpcLog): string {
  let text: string
  try {
    text = JSON.stringify(response)
  } catch (error) {
    log.error({ err: error }, 'A result could not be written as JSON.')
    return JSON.stringify(errorResponse(response.id, new VivimError('Internal')))
  }
  if (bytesExceed(text, LIMITS.rpcSlowReaderBytes)) {
    const refusal = new VivimError('TooLarge', 'The answer is larger than the limit.', {
      hint: 'Ask for less at once.',
    })
    return JSON.stringify(errorResponse(response.id, refusal))
  }
  return text
}

function bytesExceed(text: string, limit: number): boolean {
  // A UTF-16 unit takes three bytes of UTF-8 at most: short texts need no counting.
  return text.length * 3 > limit && Buffer.byteLength(text) > limit
}
