import { VivimError } from '../schema/errors.ts'

/** Names whose values never reach the log: keys, tokens, and what people wrote. Compared without case and `_-`. */
const SECRET = /(?:token|passphrase|password|phrase|secret|seed|privatekey|authorization|cookie|apikey)/
const CONTENT =
  /^(?:content|text|title|message|messages|parts|query|params|result|data|displayname|payload|path|file)$/
const DEPTH = 4
const LONGEST = 500

/** A copy of the details of a log line without keys, tokens and content; deep structures are cut. */
export function redacted(details: object, depth = DEPTH): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, redactedValue(name, value, depth)]),
  )
}

function redactedValue(name: string, value: unknown, depth: number): unknown {
  if (value instanceof Error) return describedError(value)
  const plain = name.toLowerCase().replaceAll(/[_-]/g, '')
  if (SECRET.test(plain) || CONTENT.test(plain)) return value === undefined ? undefined : '[redacted]'
  if (typeof value === 'string') return value.length > LONGEST ? `${value.slice(0, LONGEST)}…` : value
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth <= 1) return '[deep]'
  if (Array.isArray(value)) return value.slice(0, 20).map((item) => redactedValue('', item, depth - 1))
  return redacted(value, depth - 1)
}

/**
 * An error as the log shows it. Our own texts are free of content by rule; those of the runtime may quote what they
 * failed on (`JSON.parse` does), so only the kind and the place are kept.
 */
export function describedError(error: Error): Record<string, unknown> {
  const { code } = error as { code?: unknown }
  const described = { type: error.name, ...(typeof code === 'string' ? { code } : {}) }
  const cause = error.cause instanceof Error ? { cause: describedError(error.cause) } : {}
  if (error instanceof VivimError) {
    const hint = error.hint === undefined ? {} : { hint: error.hint }
    return { ...described, message: error.message, ...hint, ...cause }
  }
  return { ...described, ...(typeof code === 'string' ? {} : { at: places(error.stack) }), ...cause }
}

/** `file:line:column` of the innermost frames. */
function places(stack = ''): string[] {
  const frames = [...stack.matchAll(/^\s+at .*?([\w.-]+:\d+:\d+)\)?$/gm)]
  return frames.slice(0, 5).map(([, place]) => place!)
}
