import { z } from 'zod'
import type { ErrorCode } from '../errors.ts'
import { LIMITS } from '../limits.ts'

/**
 * Who may call.
 * - `open`: anyone who reaches the socket.
 * - `owner`: whoever may open the node owner's 0600 socket; no user's data is behind it.
 * - `read`, `write`, `admin`: a user's session with that scope; `admin` includes `write`, `write` includes `read`.
 */
export type Access = 'open' | 'owner' | 'read' | 'write' | 'admin'

export interface Example<P> {
  readonly title: string
  /** Strings that begin with `$` stand for an id of the reader's own: `$conversationId`. */
  readonly params: P
}

/** One RPC method, defined once: validation, types, client, command line, help, OpenRPC and tests come from it. */
export interface Method<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  readonly summary: string
  readonly access: Access
  /** The session itself answers (auth.*), not the user's database. */
  readonly served?: 'gateway'
  /** Answers some callers without a session and others with theirs. */
  readonly session?: 'optional'
  readonly params: P
  readonly result: R
  readonly errors: readonly ErrorCode[]
  readonly examples: readonly Example<z.input<P>>[]
  /** Parameters the command line takes by position, in order. */
  readonly positional?: readonly string[]
  /** How long a caller should wait before it gives up, in ms; absent: 60 s. */
  readonly timeoutMs?: number
}

export function defineMethod<P extends z.ZodType, R extends z.ZodType>(method: Method<P, R>): Method<P, R> {
  return method
}

/** No parameters: `{}`, or absent. */
export const NoParams = z.strictObject({})

export const Did = z.string().regex(/^did:key:z[1-9A-HJ-NP-Za-km-z]{40,60}$/, 'a did:key of an Ed25519 key')
/** Another person: their DID, or the petname that whoever calls gave them. */
export const Person = z.string().min(1).max(LIMITS.nameCharacters)
export const Id = z.string().min(1).max(200)
export const Millis = z.int()
export const SecurityLevel = z.int().min(0).max(5)

/** Paging of every list: `cursor` is opaque and comes from `nextCursor` of the page before. */
export const Page = {
  limit: z.int().min(1).max(LIMITS.listMax).default(LIMITS.listDefault),
  cursor: z.string().max(500).optional(),
}

export function listOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() })
}
