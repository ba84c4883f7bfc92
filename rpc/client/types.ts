import type { MethodName, ParamsInput, Result } from '../../schema/methods/index.ts'
import type { RpcProgress } from '../types.ts'

export interface CallOptions {
  /** Gives the call up and tells the node to stop working on it; the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Milliseconds until the call is given up; default: the method's own, and five seconds for the way. */
  readonly timeoutMs?: number
  readonly onProgress?: (progress: RpcProgress) => void
}

export interface ClientSession {
  readonly token: string
  readonly did: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly scopes: readonly string[]
  readonly refreshToken?: string
}

export interface ClientOptions {
  /** Milliseconds until a call is given up, for all calls; default: each method's own. */
  readonly timeoutMs?: number
  /** A session token to resume. */
  readonly token?: string
  /** The clock that decides when a session is refreshed; default Date.now. */
  readonly now?: () => number
}

export interface ConnectOptions extends ClientOptions {
  /** Path of the node's socket; default: VIVIM_SOCKET, else the one in the home folder. */
  readonly socket?: string
  /** Milliseconds to wait for the connection itself; default 5,000. */
  readonly connectTimeoutMs?: number
}

/** Parameters may be left out where the method needs none. */
export type CallArguments<M extends MethodName> =
  Record<string, never> extends ParamsInput<M>
    ? [params?: ParamsInput<M>, options?: CallOptions]
    : [params: ParamsInput<M>, options?: CallOptions]

/**
 * A connection to a node. Every failure but an aborted signal is a VivimError.
 *
 * A lost connection is opened again, and its session resumed, by the next call. Calls that were under way fail with
 * `Unavailable`: nothing is sent twice, since the node may have done it.
 */
export interface Client {
  call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Result<M>>
  /** Signs in as a user of this node; the session is then refreshed by calls shortly before it expires. */
  login(params: ParamsInput<'auth.login'>): Promise<ClientSession>
  /** The session that calls run under. */
  readonly session: ClientSession | undefined
  /** Calls `listener` for every notification of the node; returns a function that ends it. */
  onNotification(listener: NotificationListener): () => void
  close(): Promise<void>
}

export type NotificationListener = (method: string, params: unknown) => void
