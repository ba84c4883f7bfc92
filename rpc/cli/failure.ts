import { ERROR_CODES, type ErrorCode, VivimError } from '../../schema/errors.ts'
import { Interrupted } from './io.ts'

export const EXIT_NO_NODE = 3
export const EXIT_PARTIAL = 7
export const EXIT_INTERRUPTED = 130

/** An error whose exit code is not that of its kind. */
export class CliFailure extends Error {
  readonly exit: number
  readonly error: VivimError

  constructor(exit: number, error: VivimError) {
    super(error.message)
    this.exit = exit
    this.error = error
  }
}

export interface DescribedFailure {
  readonly exit: number
  readonly code: ErrorCode | 'Interrupted'
  readonly message: string
  readonly hint?: string
}

/** What a command failed with, as the exit code and the one line a person reads. */
export function describeFailure(thrown: unknown): DescribedFailure {
  if (thrown instanceof Interrupted)
    return { exit: EXIT_INTERRUPTED, code: 'Interrupted', message: thrown.message }
  const error = thrown instanceof CliFailure ? thrown.error : thrown
  if (error instanceof VivimError) {
    const exit = thrown instanceof CliFailure ? thrown.exit : ERROR_CODES[error.code].exit
    const message = error.field && error.code === 'InvalidParams' ? atField(error) : error.message
    return { exit, code: error.code, message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
  }
  return { exit: 1, code: 'Internal', message: systemFault(error) }
}

/** `vivimd: message hint`, on one line. */
export function failureLine({ message, hint }: DescribedFailure): string {
  const sentence = /[.!?…`]$/.test(message) ? message : `${message}.`
  return `vivimd: ${[sentence, hint].filter(Boolean).join(' ')}\n`.replace(/\n(?=.)/g, ' ')
}

function atField({ message, field }: VivimError): string {
  return message.includes(field!) ? message : `${field}: ${message}`
}

const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full.',
  EACCES: 'The system does not permit that.',
  EPERM: 'The system does not permit that.',
  EROFS: 'The disk is read-only.',
  EMFILE: 'Too many files are open.',
}

function systemFault(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  const known = typeof code === 'string' ? SYSTEM[code] : undefined
  if (known !== undefined) return known
  if (process.env.VIVIM_DEBUG && error instanceof Error) return error.stack ?? error.message
  return `The command failed${typeof code === 'string' ? ` (${code})` : ''}; VIVIM_DEBUG=1 shows where.`
}
