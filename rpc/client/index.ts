import type { MethodName, ParamsInput, Result } from '../../schema/methods/index.ts'
import type { RpcProgress } from '../types.ts'

export type { MethodName, ParamsInput, Result } from '../../schema/methods/index.ts'

export interface CallOptions {
  /** Gives the call up and tells the node to stop working on it. */
  readonly signal?: AbortSignal
  /** Milliseconds until the call is given up; default: the method's own. */
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

export interface ConnectOptions {
  /** Path of the node's socket; default: VIVIM_SOCKET, else the one of the home folder. */
  readonly socket?: string
  /** Milliseconds to wait for the connection itself; default 5,000. */
  readonly connectTimeoutMs?: number
  /** Milliseconds until a call is given up, for all calls; default: each method's own. */
  readonly timeoutMs?: number
  /** A session token to resume. */
  readonly token?: string
  /** The clock that decides when a session is refreshed; default Date.now. */
  readonly now?: () => number
}

type Arguments<M extends MethodName> =
  Record<string, never> extends ParamsInput<M>
    ? [params?: ParamsInput<M>, options?: CallOptions]
    : [params: ParamsInput<M>, options?: CallOptions]

/** A connection to a node. Every failure is a VivimError. */
export interface Client {
  call<M extends MethodName>(method: M, ...args: Arguments<M>): Promise<Result<M>>
  /** Signs in as a user of this node; the session is then refreshed before it expires. */
  login(params: ParamsInput<'auth.login'>): Promise<ClientSession>
  readonly session: ClientSession | undefined
  /** Calls `listener` for every notification; returns a function that ends it. */
  onNotification(listener: (method: string, params: unknown) => void): () => void
  close(): Promise<void>
}

/** Connects to a node; `Unavailable` with a hint when none answers. */
export declare function connect(options?: ConnectOptions): Promise<Client>
