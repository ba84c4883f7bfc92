import {
  createJSONRPCSuccessResponse,
  type JSONRPCErrorResponse,
  type JSONRPCRequest,
  type JSONRPCResponse,
  JSONRPCServer,
} from 'json-rpc-2.0'
import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'
import { isUserMethod, METHODS, type Method, type MethodName } from '../schema/methods/index.ts'
import { authorise } from './access.ts'
import { CallsInFlight } from './calls-in-flight.ts'
import { encodeResponses } from './encode-responses.ts'
import { errorResponse, isRequest, isTyped, parseEnvelope, type RequestObject } from './envelope.ts'
import { CANCEL, PROGRESS } from './notifications.ts'
import { parseParameters } from './parameters.ts'
import type {
  Count,
  Handlers,
  OnCall,
  RpcCall,
  RpcConnection,
  RpcLog,
  RpcProgress,
  UserCallHandler,
} from './types.ts'

/** What runs a method once access and parameters are checked. */
export type Serve = (name: string, params: unknown, call: RpcCall) => unknown

export interface RouterOptions {
  readonly log: RpcLog
  readonly count?: Count
  readonly onCall?: OnCall
  /** Compares every result with the method's own schema: for tests and development. */
  readonly checkResults?: boolean
}

/** Routes the method table: the node's own methods to `handlers`, a user's to `userCall`. */
export function createRouter(
  options: RouterOptions & { readonly handlers: Handlers; readonly userCall: UserCallHandler },
): Router {
  const { handlers, userCall } = options
  const own = handlers as unknown as Record<string, (params: unknown, call: RpcCall) => unknown>
  return new Router(METHODS as unknown as Record<string, Method>, options, (name, params, call) => {
    const method = name as MethodName
    return isUserMethod(method) ? userCall(method, params as never, call) : own[name]?.(params, call)
  })
}

/** JSON-RPC 2.0 over a method table: shape, access, parameters, deadline, errors, counters. Knows no transport. */
export class Router {
  readonly #serve: Serve
  readonly #log: RpcLog
  readonly #count: Count
  readonly #onCall: OnCall | undefined
  readonly #checkResults: boolean
  readonly #server: JSONRPCServer<RpcConnection>
  readonly #calls = new WeakMap<RpcConnection, CallsInFlight>()

  constructor(methods: Readonly<Record<string, Method>>, options: RouterOptions, serve: Serve) {
    this.#serve = serve
    this.#log = options.log
    this.#count = options.count ?? (() => {})
    this.#onCall = options.onCall
    this.#checkResults = options.checkResults ?? false
    this.#server = new JSONRPCServer<RpcConnection>({ errorListener: () => {} })
    this.#server.mapErrorToJSONRPCErrorResponse = errorResponse
    this.#server.handleMethodNotFound = async (request) => {
      this.#count('rpc.refused.MethodNotFound')
      return request.id === undefined ? null : errorResponse(request.id, new VivimError('MethodNotFound'))
    }
    for (const [name, method] of Object.entries(methods)) {
      this.#server.addMethodAdvanced(name, (request, connection) =>
        this.#run(name, method, request as RequestObject, connection),
      )
    }
  }

  /** Handles one line; gives the JSON text to answer, or undefined when nothing is to be said. Never rejects. */
  async receive(text: string, connection: RpcConnection): Promise<string | undefined> {
    const { batch, items } = parseEnvelope(text, LIMITS.rpcBatch)
    const answers = await Promise.all(items.map((item) => this.#item(item, connection)))
    const responses = answers.filter((answer) => answer !== null)
    if (responses.length === 0) return undefined
    const texts = encodeResponses(responses, this.#log)
    return batch ? `[${texts.join(',')}]` : texts[0]
  }

  /** Ends every running call of a connection with `reason`. */
  abandon(connection: RpcConnection, reason: VivimError): void {
    this.#calls.get(connection)?.abortAll(reason)
  }

  async #item(
    item: RequestObject | JSONRPCErrorResponse,
    connection: RpcConnection,
  ): Promise<JSONRPCResponse | null> {
    if (!isRequest(item)) {
      this.#count(`rpc.refused.${item.error.data.code}`)
      return item
    }
    if (item.method === CANCEL && item.id === undefined) {
      this.#cancel(item.params, connection)
      return null
    }
    return this.#server.receive(item as JSONRPCRequest, connection)
  }

  async #run(name: string, method: Method, request: RequestObject, connection: RpcConnection) {
    this.#count(`rpc.calls.${name}`)
    const { session } = connection
    const told = (outcome: string) =>
      this.#onCall?.({ method: name, access: method.access, session: session ?? connection.session, outcome })
    try {
      const result = await this.#answer(name, method, request, connection)
      told('ok')
      return request.id === undefined ? null : createJSONRPCSuccessResponse(request.id, result)
    } catch (error) {
      this.#count(`rpc.errors.${name}`)
      told(isTyped(error) ? error.code : 'InternalError')
      if (!isTyped(error)) this.#log.error({ method: name, err: error }, 'A call failed unexpectedly.')
      throw error
    }
  }

  async #answer(
    name: string,
    method: Method,
    request: RequestObject,
    connection: RpcConnection,
  ): Promise<unknown> {
    const session = authorise(method.access, connection)
    const calls = this.#callsOf(connection)
    if (calls.size >= LIMITS.rpcPendingPerConnection) {
      this.#count('rpc.refused.pending')
      throw new VivimError('RateLimited', undefined, {
        hint: 'Wait for answers before sending more.',
        retryAfterMs: 100,
      })
    }
    const params = parseParameters(method, request.params)
    const { signal, settle } = calls.open(request.id, method.timeoutMs ?? LIMITS.userCallMs)
    let open = true
    const call: RpcCall = {
      connection,
      session,
      requestId: request.id,
      signal,
      progress: (progress: RpcProgress) => {
        if (open && request.id !== undefined)
          connection.notify(PROGRESS, { requestId: request.id, ...progress })
      },
    }
    try {
      const result = await settle(() => this.#serve(name, params, call))
      if (this.#checkResults) checkResult(name, method, result)
      if (result === undefined) throw new TypeError(`${name} gave no result`)
      return result
    } finally {
      open = false
    }
  }

  #cancel(params: RequestObject['params'], connection: RpcConnection): void {
    const id = params !== undefined && 'id' in params ? params.id : undefined
    if (typeof id === 'string' || typeof id === 'number') this.#calls.get(connection)?.cancel(id)
  }

  #callsOf(connection: RpcConnection): CallsInFlight {
    const existing = this.#calls.get(connection)
    if (existing !== undefined) return existing
    const calls = new CallsInFlight()
    this.#calls.set(connection, calls)
    return calls
  }
}

function checkResult(name: string, method: Method, result: unknown): void {
  const { success, error } = method.result.safeParse(result)
  if (!success) throw new TypeError(`${name} broke its own result schema: ${error.message}`)
}
