import type { Frontier } from '../../crdt/frontier.ts'
import type { Params, Result, UserMethodName } from '../../schema/methods/index.ts'
import type { ReplicaAction, ReplicaActions } from '../vault/replica.ts'
import type { UserCall } from './user-engine.ts'
import type { EngineListeners, UserEngineOptions } from './user-engine-options.ts'

/** An open user, wherever their engine runs. */
export interface UserHost {
  /**
   * Calls the engine. Bytes inside `params` are given away: they may be moved to another thread.
   * @throws what the engine throws; VivimError `RateLimited` when too many calls wait; `UserUnavailable` with
   * `retryAfterMs` when the host closes or dies, or the deadline of the method passes; the signal's reason when aborted
   */
  call<M extends UserMethodName>(method: M, params: Params<M>, call: UserCall): Promise<Result<M>>
  /** Asks the vault on behalf of another device of the same person. @throws as `call` */
  replicate<A extends ReplicaAction>(
    action: A,
    params: Parameters<ReplicaActions[A]>[0],
  ): Promise<Awaited<ReturnType<ReplicaActions[A]>>>
  /** Writes and reads back in the database. */
  probe(): Promise<void>
  /**
   * Ends calls, finishes the engine in order and resolves when its files are closed. After `budgetMs` a worker is
   * stopped the hard way. Safe to call twice.
   */
  close(budgetMs?: number): Promise<void>
  /** A call waits, or the engine works on its own. */
  readonly busy: boolean
  /** Milliseconds UTC of the last call's beginning or end. */
  readonly lastUsedAt: number
  /** False from the moment it closes or dies: every call is refused from then on. */
  readonly open: boolean
}

/** What a host is opened with beside the engine's own options. */
export interface UserHostOptions {
  readonly now: () => number
  readonly log: { error(details: object, message: string): void }
  /** Called once when an opened engine goes without having been asked to. Its files are closed by then. */
  readonly onDeath: () => void
  /** What the engine says of itself, in the order of its answers. */
  readonly onPendingWork: (pending: boolean) => void
  readonly onCommitted: (frontier: Frontier, written: readonly Uint8Array[]) => void
  /** How long a call may take, in ms; by default what the method table says. */
  readonly deadlineOf?: (method: UserMethodName) => number
}

/** Opens a user's engine somewhere. @throws what opening the engine throws */
export type OpenUserHost = (
  engine: Omit<UserEngineOptions, EngineListeners>,
  options: UserHostOptions,
) => Promise<UserHost>
