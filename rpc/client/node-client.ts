import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import {
  isMethodName,
  type Method,
  type MethodName,
  methodOf,
  type ParamsInput,
  type Result,
} from '../../schema/methods/index.ts'
import { Link } from './link.ts'
import type { Dial } from './transport.ts'
import type {
  CallArguments,
  CallOptions,
  Client,
  ClientOptions,
  ClientSession,
  NotificationListener,
} from './types.ts'

/** A session is refreshed by the first call this long before its end. */
const REFRESH_BEFORE_MS = 60_000
/** The node's own deadline comes first: its answer says more than silence. */
const WAY_MS = 5_000

/** Opens a client over any transport. */
export async function openClient(dial: Dial, options: ClientOptions): Promise<Client> {
  const client = new NodeClient(dial, options)
  await client.open()
  return client
}

class NodeClient implements Client {
  readonly #dial: Dial
  readonly #timeoutMs: number | undefined
  readonly #now: () => number
  readonly #listeners = new Set<NotificationListener>()
  #session: ClientSession | undefined
  #link: Promise<Link> | undefined
  #restoring: Promise<void> | undefined
  #closed = false

  constructor(dial: Dial, { timeoutMs, token, now = Date.now }: ClientOptions) {
    this.#dial = dial
    this.#timeoutMs = timeoutMs
    this.#now = now
    // What else belongs to the token, the node tells when it is resumed.
    if (token !== undefined)
      this.#session = { token, did: '', expiresAt: Number.POSITIVE_INFINITY, scopes: [] }
  }

  get session(): ClientSession | undefined {
    return this.#session
  }

  /** Fails at once when no node answers or the token is not good. */
  async open(): Promise<void> {
    try {
      await this.#restoreSession(await this.#connected())
    } catch (error) {
      await this.close()
      throw error
    }
  }

  async call<M extends MethodName>(method: M, ...args: CallArguments<M>): Promise<Result<M>> {
    const [params = {}, options = {}] = args as [ParamsInput<M>?, CallOptions?]
    options.signal?.throwIfAborted()
    const link = await this.#connected()
    if (needsSession(method)) await this.#restoreSession(link)
    options.signal?.throwIfAborted()
    return this.#send(link, method, params as ParamsInput<M>, options)
  }

  async login(params: ParamsInput<'auth.login'>): Promise<ClientSession> {
    return this.call('auth.login', params)
  }

  onNotification(listener: NotificationListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    const link = await this.#link?.catch(() => undefined)
    await link?.close()
  }

  async #connected(): Promise<Link> {
    if (this.#closed) throw new VivimError('Unavailable', 'The client was closed.')
    const known = this.#link
    if (known !== undefined) {
      const link = await known
      if (!link.closed) return link
      if (this.#link === known) this.#link = undefined
    }
    // Several calls may come here at once; the first opens for all.
    this.#link ??= this.#openLink()
    return this.#link
  }

  #openLink(): Promise<Link> {
    const opening = Link.open(this.#dial, (method, params) => {
      for (const listener of this.#listeners) listener(method, params)
    })
    opening.catch(() => {
      if (this.#link === opening) this.#link = undefined
    })
    return opening
  }

  async #send<M extends MethodName>(
    link: Link,
    method: M,
    params: ParamsInput<M>,
    { signal, timeoutMs, onProgress }: CallOptions = {},
  ): Promise<Result<M>> {
    const own = (known(method)?.timeoutMs ?? LIMITS.userCallMs) + WAY_MS
    const limit = timeoutMs ?? this.#timeoutMs ?? own
    const result = await link.call(method, params, { timeoutMs: limit, signal, onProgress })
    this.#learn(link, method, params, result)
    return result as Result<M>
  }

  /** Keeps up with what the calls that concern sessions have changed. */
  #learn(link: Link, method: MethodName, params: unknown, result: unknown): void {
    if (method === 'auth.login' || method === 'auth.refresh') {
      this.#session = result as Result<'auth.login'>
      // Only signing in binds the connection; a refreshed session is resumed.
      link.bound = method === 'auth.login'
    } else if (method === 'auth.resume') {
      const { token } = params as ParamsInput<'auth.resume'>
      const before = this.#session?.token === token ? this.#session : undefined
      this.#session = { ...before, token, ...(result as Result<'auth.resume'>) }
      link.bound = true
    } else if (method === 'auth.logout') {
      this.#session = undefined
      link.bound = false
    }
  }

  /** Makes `link` the session's, with a fresh one where the end is near; calls that come together share the work. */
  async #restoreSession(link: Link): Promise<void> {
    while (this.#restoring !== undefined) await this.#restoring.catch(() => {})
    if (!this.#refreshDue() && (link.bound || this.#session === undefined)) return
    this.#restoring = this.#restore(link).finally(() => {
      this.#restoring = undefined
    })
    await this.#restoring
  }

  async #restore(link: Link): Promise<void> {
    if (!this.#refreshDue()) {
      const resumed = await this.#resume(link).catch(unauthorisedAs(false))
      if (resumed) return
    }
    const refreshToken = this.#session?.refreshToken
    if (refreshToken === undefined) throw signInAgain()
    await this.#send(link, 'auth.refresh', { refreshToken })
    await this.#resume(link)
  }

  async #resume(link: Link): Promise<true> {
    if (this.#session === undefined) throw signInAgain()
    await this.#send(link, 'auth.resume', { token: this.#session.token })
    return true
  }

  #refreshDue(): boolean {
    if (this.#session?.refreshToken === undefined) return false
    return this.#session.expiresAt - this.#now() <= REFRESH_BEFORE_MS
  }
}

/** A newer node may have methods that this client's table lacks: they are sent all the same. */
function known(name: MethodName): Method | undefined {
  return isMethodName(name) ? methodOf(name) : undefined
}

function needsSession(name: MethodName): boolean {
  const access = known(name)?.access
  return access !== 'open' && access !== 'owner'
}

function unauthorisedAs<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof VivimError && error.code === 'Unauthorized') return value
    throw error
  }
}

function signInAgain(): VivimError {
  return new VivimError('Unauthorized', 'The session is over.', { hint: 'Sign in again.' })
}
