import { hash } from 'node:crypto'
import type { RpcSession, Scope, SessionSource } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Random } from './key-wrapping.ts'

/** A refresh repeated this soon by the same connection is a lost answer, not a stolen token. */
const REPEAT_MS = 10_000
const SECRET_BYTES = 32
const OWNER_SCOPES: readonly Scope[] = ['read', 'write', 'admin']
const HIGHEST_LEVEL = 5

/** What a caller gets to keep. Tokens are secrets, shown once; this process keeps hashes. */
export interface Grant {
  readonly token: string
  readonly refreshToken: string
  readonly did: string
  readonly expiresAt: number
  readonly scopes: readonly Scope[]
}

/** One sign-in and everything refreshed from it. */
interface Session {
  readonly id: string
  readonly did: string
  readonly deviceDid: string
  readonly scopes: readonly Scope[]
  readonly refreshUntil: number
  tokenHash: string
  refreshHash: string
  expiresAt: number
  /** The last refresh, answered again to a caller that lost the answer. */
  lastRefresh?: { usedHash: string; connectionId: string; at: number; grant: Grant }
}

/** Which session a connection's view belongs to; the view itself holds nothing secret. */
const SESSION_OF = new WeakMap<RpcSession, Session>()

/**
 * Sessions of the users of this node. In memory: a restart signs everyone out. A refresh token is the session's
 * secret id and a secret that changes with each use, so an old one is known for what it is without keeping it.
 */
export class AuthGateway {
  readonly #now: () => number
  readonly #random: Random
  /** By hash of the session id; the least recently used first. */
  readonly #sessions = new Map<string, Session>()
  readonly #byToken = new Map<string, Session>()
  readonly #ofUser = new Map<string, Set<Session>>()

  constructor({ now, random }: { now: () => number; random: Random }) {
    this.#now = now
    this.#random = random
  }

  /** Opens a session: the caller has proved to be this user. */
  begin({
    did,
    deviceDid,
    scopes = OWNER_SCOPES,
  }: {
    did: string
    deviceDid: string
    /** All of them unless the caller wants fewer. */
    scopes?: readonly Scope[] | undefined
  }): { grant: Grant; source: SessionSource } {
    this.#makeRoom(did)
    const id = this.#secret()
    const session: Session = {
      id: hashed(id),
      did,
      deviceDid,
      scopes,
      refreshUntil: this.#now() + LIMITS.refreshMs,
      tokenHash: '',
      refreshHash: '',
      expiresAt: 0,
    }
    this.#sessions.set(session.id, session)
    const own = this.#ofUser.get(did) ?? new Set()
    this.#ofUser.set(did, own.add(session))
    return { grant: this.#renew(session, id), source: this.#sourceOf(session) }
  }

  /** The session of a token, for another connection. @throws VivimError `Unauthorized` */
  resume(token: string): { session: RpcSession; source: SessionSource } {
    const found = this.#byToken.get(hashed(token))
    if (!found || this.#now() >= found.expiresAt) throw refused()
    this.#touch(found)
    const source = this.#sourceOf(found)
    return { session: source()!, source }
  }

  /**
   * Exchanges a refresh token. A used one ends the session, for its holder and the thief alike, unless the same
   * connection repeats its last refresh within 10 s: that gets the same answer.
   * @throws VivimError `Unauthorized`
   */
  refresh(refreshToken: string, connectionId: string): { grant: Grant; source: SessionSource } {
    const [id = '', secret = ''] = refreshToken.split('.')
    const session = this.#sessions.get(hashed(id))
    if (!session) throw refused()
    const now = this.#now()
    const used = hashed(secret)
    if (used === session.refreshHash && now < session.refreshUntil) {
      const grant = this.#renew(session, id)
      this.#rememberAnswer(session, { usedHash: used, connectionId, at: now, grant })
      return { grant, source: this.#sourceOf(session) }
    }
    const last = session.lastRefresh
    const repeated =
      last?.usedHash === used && last.connectionId === connectionId && now - last.at <= REPEAT_MS
    if (repeated) return { grant: last.grant, source: this.#sourceOf(session) }
    this.#end(session)
    throw refused()
  }

  /** Ends the session a connection is signed in with, everywhere. */
  end(session: RpcSession): void {
    const found = SESSION_OF.get(session)
    if (found) this.#end(found)
  }

  /** Ends every session of a user who was locked or deleted. */
  endUser(did: string): void {
    for (const session of [...(this.#ofUser.get(did) ?? [])]) this.#end(session)
  }

  /** Ends the sessions that devices of a user proved themselves for: they were taken out. */
  endDevices(did: string, deviceDids: readonly string[]): void {
    for (const session of [...(this.#ofUser.get(did) ?? [])])
      if (deviceDids.includes(session.deviceDid)) this.#end(session)
  }

  #renew(session: Session, id: string): Grant {
    const token = this.#secret()
    const secret = this.#secret()
    this.#byToken.delete(session.tokenHash)
    session.tokenHash = hashed(token)
    session.refreshHash = hashed(secret)
    session.expiresAt = Math.min(this.#now() + LIMITS.sessionMs, session.refreshUntil)
    this.#byToken.set(session.tokenHash, session)
    this.#touch(session)
    const { did, expiresAt, scopes } = session
    return { token, refreshToken: `${id}.${secret}`, did, expiresAt, scopes }
  }

  /** For as long as it may be asked for again: it holds tokens in the clear. */
  #rememberAnswer(session: Session, answer: NonNullable<Session['lastRefresh']>): void {
    session.lastRefresh = answer
    setTimeout(() => {
      if (session.lastRefresh === answer) delete session.lastRefresh
    }, REPEAT_MS).unref()
  }

  /** An expired session is still given, so that a connection can say which of the two happened. */
  #sourceOf(session: Session): SessionSource {
    let view: RpcSession | undefined
    return () => {
      if (this.#sessions.get(session.id) !== session) return undefined
      if (view?.expiresAt !== session.expiresAt) {
        const { did, deviceDid, expiresAt, scopes } = session
        view = { did, deviceDid, scopes, maxSecurityLevel: HIGHEST_LEVEL, expiresAt }
        SESSION_OF.set(view, session)
      }
      return view
    }
  }

  #makeRoom(did: string): void {
    const own = this.#ofUser.get(did)
    if (!own || own.size < LIMITS.sessionsPerUser) return
    this.#end(own.values().next().value!)
  }

  #touch(session: Session): void {
    const own = this.#ofUser.get(session.did)
    own?.delete(session)
    own?.add(session)
  }

  #end(session: Session): void {
    this.#sessions.delete(session.id)
    this.#byToken.delete(session.tokenHash)
    const own = this.#ofUser.get(session.did)
    own?.delete(session)
    if (own?.size === 0) this.#ofUser.delete(session.did)
  }

  #secret(): string {
    return Buffer.from(this.#random(SECRET_BYTES)).toString('base64url')
  }
}

function hashed(secret: string): string {
  return hash('sha256', secret, 'hex')
}

function refused(): VivimError {
  return new VivimError('Unauthorized', 'That session has ended.', { hint: 'Sign in again.' })
}
