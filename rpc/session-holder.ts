import { VivimError } from '../schema/errors.ts'
import type { RpcSession, SessionSource } from './types.ts'

const SIGN_IN = 'Call auth.login first.'
const REFRESH = 'Call auth.refresh with your refresh token, or sign in again.'

/** The session a connection is bound to. Expiry and ending are looked at on every reading. */
export class SessionHolder {
  readonly #now: () => number
  #source: SessionSource | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  bind(session: RpcSession | SessionSource | undefined): void {
    this.#source = typeof session === 'object' ? () => session : session
  }

  get current(): RpcSession | undefined {
    const session = this.#source?.()
    return session !== undefined && session.expiresAt > this.#now() ? session : undefined
  }

  require(): RpcSession {
    if (this.#source === undefined) throw new VivimError('Unauthorized', undefined, { hint: SIGN_IN })
    const session = this.#source()
    if (session === undefined)
      throw new VivimError('Unauthorized', 'The session was ended.', { hint: SIGN_IN })
    if (session.expiresAt > this.#now()) return session
    throw new VivimError('Unauthorized', 'The session has expired.', { hint: REFRESH })
  }
}
