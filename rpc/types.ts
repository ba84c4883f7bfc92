import type { Access, NodeMethodName, Params, Result, UserMethodName } from '../schema/methods/index.ts'

export type Scope = 'read' | 'write' | 'admin'
export type RequestId = string | number | null

/** A user's signed-in session, as the authorisation of a call. The caller's DID comes from here and nowhere else. */
export interface RpcSession {
  readonly did: string
  readonly deviceDid: string
  readonly scopes: readonly Scope[]
  /** 0 to 5: spans above it are masked in answers. */
  readonly maxSecurityLevel: number
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Set when an app calls under a grant, not the user themselves. */
  readonly app?: AppSession
}

/** An app that a user let in. */
export interface AppSession {
  readonly grantId: string
  readonly name: string
  readonly paused: boolean
  /** Counts a call: 0, or the milliseconds until there may be one. */
  take(): number
}

/** Told of every call that was looked at, once it was answered. */
export type OnCall = (call: {
  readonly method: string
  readonly access: Access
  readonly session: RpcSession | undefined
  /** `ok`, or the code of the error. */
  readonly outcome: string
}) => void

/** Reads a session each time it is needed, so that ending it anywhere ends it here; undefined: it was ended. */
export type SessionSource = () => RpcSession | undefined

/** One caller's connection, as handlers see it. */
export interface RpcConnection {
  readonly id: string
  /** It came through the node owner's 0600 socket. */
  readonly ownerSocket: boolean
  /** The session of this connection now; undefined when there is none, or it expired or ended. */
  readonly session: RpcSession | undefined
  /** The same, or a typed `Unauthorized` that says why there is none. */
  requireSession(): RpcSession
  /** Makes this connection that session's from the next call on; undefined signs it out. */
  bind(session: RpcSession | SessionSource | undefined): void
  /** Sends a JSON-RPC notification; does nothing once the connection is closed. */
  notify(method: string, params: object): void
  /** Aborted when the connection closes. */
  readonly signal: AbortSignal
}

export interface RpcProgress {
  readonly jobId: string
  readonly done: number
  readonly total?: number
  readonly stage: string
}

/** What travels with one call. */
export interface RpcCall {
  readonly connection: RpcConnection
  /**
   * The session that was checked for this call: it stays the same when the connection signs in as someone else
   * meanwhile. Always present for methods with access `read`, `write` or `admin`.
   */
  readonly session: RpcSession | undefined
  /** Undefined for a notification. */
  readonly requestId: RequestId | undefined
  /** Aborted, with a VivimError as its reason, when the caller cancels or leaves, or the deadline passes. */
  readonly signal: AbortSignal
  /** Sends `progress {requestId, …}` to the caller while the call is open. */
  progress(progress: RpcProgress): void
}

export type Handler<M extends NodeMethodName> = (
  params: Params<M>,
  call: RpcCall,
) => Result<M> | Promise<Result<M>>

/** The methods that the node itself answers. */
export type Handlers = { readonly [M in NodeMethodName]: Handler<M> }

/** Answers every method of a user's own database; `call.session` is present. */
export type UserCallHandler = <M extends UserMethodName>(
  method: M,
  params: Params<M>,
  call: RpcCall,
) => Promise<Result<M>>

/** What this layer writes to the log; never parameters or results. Pino's loggers fit. */
export interface RpcLog {
  error(details: object, message: string): void
  warn(details: object, message: string): void
}

/** Adds one to a counter: `rpc.calls.<method>`, `rpc.errors.<method>`, `rpc.refused.<limit>`. */
export type Count = (name: string) => void
