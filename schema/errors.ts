/**
 * Every failure a caller can tell apart: JSON-RPC number, name, and the process exit code the command line uses.
 * Numbers are part of the contract: added to, never renumbered.
 */
export const ERROR_CODES = {
  ParseError: { number: -32700, exit: 1, message: 'The line is not valid JSON in UTF-8.' },
  InvalidRequest: { number: -32600, exit: 1, message: 'The request is not a JSON-RPC 2.0 request.' },
  MethodNotFound: { number: -32601, exit: 2, message: 'There is no such method.' },
  InvalidParams: { number: -32602, exit: 2, message: 'The parameters do not fit the method.' },
  Internal: { number: -32603, exit: 1, message: 'The node failed to answer; its log says why.' },
  Unauthorized: { number: -32001, exit: 4, message: 'Sign in first.' },
  Forbidden: { number: -32003, exit: 4, message: 'This session may not do that.' },
  NotFound: { number: -32004, exit: 5, message: 'There is nothing under that name.' },
  Conflict: { number: -32009, exit: 6, message: 'That is taken, or in another state.' },
  PolicyViolation: { number: -32010, exit: 4, message: 'A policy forbids that.' },
  Expired: { number: -32011, exit: 4, message: 'That has expired.' },
  Exhausted: { number: -32012, exit: 4, message: 'That has been used up.' },
  TooLarge: { number: -32013, exit: 2, message: 'That is larger than the limit.' },
  RateLimited: { number: -32014, exit: 1, message: 'Too many calls; try again shortly.' },
  UserUnavailable: { number: -32015, exit: 1, message: "The user's database is not available now." },
  Unavailable: { number: -32016, exit: 1, message: 'That part of the node is not available now.' },
  StorageFull: { number: -32017, exit: 1, message: 'The disk is full.' },
  Corrupt: { number: -32018, exit: 1, message: 'Stored data failed its check.' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** What travels in `error.data`: never a stack, never a path. */
export interface ErrorData {
  code: ErrorCode
  /** The parameter at fault, dotted: `conversation.messages.3.role`. */
  field?: string
  /** One sentence a person can act on, often the next command to type. */
  hint?: string
  retryAfterMs?: number
}

/**
 * The one error class that crosses threads, the socket and the command line.
 * Made where the fact is known; everything else that is thrown becomes `Internal` at the edge.
 */
export class VivimError extends Error {
  readonly code: ErrorCode
  readonly field: string | undefined
  readonly hint: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(
    code: ErrorCode,
    message: string = ERROR_CODES[code].message,
    details: {
      field?: string | undefined
      hint?: string | undefined
      retryAfterMs?: number
      cause?: unknown
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'VivimError'
    this.code = code
    this.field = details.field
    this.hint = details.hint
    this.retryAfterMs = details.retryAfterMs
  }

  get number(): number {
    return ERROR_CODES[this.code].number
  }

  get data(): ErrorData {
    return {
      code: this.code,
      ...(this.field === undefined ? {} : { field: this.field }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
    }
  }

  /** A structured-clone-safe form for worker links. */
  toObject(): { message: string } & ErrorData {
    return { message: this.message, ...this.data }
  }

  static fromObject(object: { message: string } & ErrorData): VivimError {
    const { message, code, ...details } = object
    return new VivimError(code, message, details)
  }
}

const CODE_BY_NUMBER = new Map<number, ErrorCode>(
  Object.entries(ERROR_CODES).map(([code, { number }]) => [number, code as ErrorCode]),
)

/** The code of a JSON-RPC error number, or undefined for a number this contract does not know. */
export function codeOfNumber(number: number): ErrorCode | undefined {
  return CODE_BY_NUMBER.get(number)
}
