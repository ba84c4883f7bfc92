import type { Params, Result, UserMethodName } from '../../schema/methods/index.ts'
import type { ReplicaActions } from '../vault/replica.ts'

/** What travels with a call into a user's engine. */
export interface UserCall {
  /** Spans above this level are masked in what the call answers. */
  readonly maxSecurityLevel: number
  /** May name paths on this machine: the owner's socket only. */
  readonly mayReadPaths: boolean
  /** Aborted when the caller cancels, leaves, or the deadline passes. */
  readonly signal: AbortSignal
  /** Sends a `progress` notification to the caller, if it still listens. */
  progress(progress: Progress): void
}

export interface Progress {
  readonly jobId: string
  readonly done: number
  readonly total?: number
  readonly stage: string
}

/** One person's isolated engine: their database, capture, knowledge and context. Lives in their worker. */
export interface UserEngine {
  call<M extends UserMethodName>(method: M, params: Params<M>, call: UserCall): Promise<Result<M>>
  /** The vault as the person's other devices see it. */
  readonly replica: ReplicaActions
  /** Writes and reads back; throws when the database does not answer. */
  probe(): Promise<void>
  /** True while a job or derivation is under way or waiting. */
  readonly busy: boolean
  /** Stops background work at the next yield point, checkpoints and closes the file. */
  close(): Promise<void>
}

/** Implementations of a namespace's methods, given to the engine as a plain table. */
export type UserMethods<M extends UserMethodName> = {
  readonly [K in M]: (params: Params<K>, call: UserCall) => Result<K> | Promise<Result<K>>
}
