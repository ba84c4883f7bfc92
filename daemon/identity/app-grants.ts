import { hash, randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RpcSession, Scope, SessionSource } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import { replaceFile } from './atomic-file.ts'
import type { Random } from './key-wrapping.ts'
import { userHash } from './user-hash.ts'

/** What an app may do, given by the user. The token is shown once; the file keeps its hash. */
export interface AppGrant {
  readonly id: string
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly maxSecurityLevel: number
  readonly callsPerMinute: number
  readonly createdAt: number
  /** Milliseconds UTC; null: until it is revoked. */
  readonly expiresAt: number | null
  readonly paused: boolean
  readonly lastUsedAt: number | null
}

interface StoredGrant extends AppGrant {
  readonly tokenHash: string
}

interface UserGrants {
  readonly did: string
  readonly deviceDid: string
  readonly grants: Map<string, StoredGrant>
}

const FILE = 'grants.json'
const FORMAT = 'vivimd/grants/1'
/** Says what it is, and whose: 16 hex characters of the user's hash, so that a token is looked for in one file. */
const TOKEN = /^vga_([0-9a-f]{16})_([\w-]{43})$/
const SECRET_BYTES = 32
/** A connection a second is noted once a minute: each note is a durable write. */
const USED_EVERY_MS = 60_000

export interface AppGrantsOptions {
  /** The users of this node, and the folder that goes with each when they are deleted. */
  readonly users: () => Iterable<{
    readonly did: string
    readonly deviceDid: string
    readonly folder: string
  }>
  readonly now: () => number
  readonly random: Random
}

/** Apps that users of this node let in, each narrower than the user: scopes, level, rate, expiry, pause. */
export class AppGrants {
  readonly #options: AppGrantsOptions
  readonly #loaded = new Map<string, UserGrants>()
  readonly #rates = new Map<string, TokenBuckets>()

  constructor(options: AppGrantsOptions) {
    this.#options = options
  }

  list(did: string): AppGrant[] {
    return [...this.#of(did).grants.values()].map(({ tokenHash: _, ...grant }) => grant)
  }

  /** @throws VivimError `TooLarge` beyond the limit of grants */
  create(
    did: string,
    wanted: Pick<AppGrant, 'name' | 'scopes' | 'maxSecurityLevel' | 'callsPerMinute' | 'expiresAt'>,
  ): { grant: AppGrant; token: string } {
    const own = this.#of(did)
    if (own.grants.size >= LIMITS.appGrants)
      throw new VivimError('TooLarge', 'There are too many app grants.', { hint: 'Revoke one first.' })
    const token = `vga_${userHash(did).slice(0, 16)}_${Buffer.from(this.#options.random(SECRET_BYTES)).toString('base64url')}`
    const grant: AppGrant = {
      id: randomUUID(),
      ...wanted,
      createdAt: this.#options.now(),
      paused: false,
      lastUsedAt: null,
    }
    this.#save(own, { ...grant, tokenHash: hashed(token) })
    return { grant, token }
  }

  /** Ends its connections' sessions at once. @throws VivimError `NotFound` */
  revoke(did: string, id: string): void {
    const own = this.#of(did)
    this.#find(own, id)
    own.grants.delete(id)
    this.#rates.delete(id)
    this.#write(own)
  }

  /** @throws VivimError `NotFound` */
  pause(did: string, id: string, paused: boolean): AppGrant {
    const own = this.#of(did)
    const { tokenHash, ...grant } = { ...this.#find(own, id), paused }
    this.#save(own, { ...grant, tokenHash })
    return grant
  }

  /** The session of an app's token. @throws VivimError `Unauthorized` */
  resume(token: string): SessionSource {
    const user = TOKEN.exec(token)?.[1]
    const own = user === undefined ? undefined : this.#byHash(user)
    const wanted = hashed(token)
    const found = own && [...own.grants.values()].find(({ tokenHash }) => tokenHash === wanted)
    if (!own || !found || this.#isOver(found)) throw ended()
    const now = this.#options.now()
    if (now - (found.lastUsedAt ?? 0) > USED_EVERY_MS) this.#save(own, { ...found, lastUsedAt: now })
    return this.#sourceOf(own.did, found.id)
  }

  /** Forgets a user who was deleted. */
  forget(did: string): void {
    this.#loaded.delete(did)
  }

  /** Read each time it is needed: what the user changes counts from the next call on. */
  #sourceOf(did: string, id: string): SessionSource {
    return () => {
      const own = this.#loaded.get(did) ?? this.#load(did)
      const grant = own?.grants.get(id)
      if (!own || !grant || this.#isOver(grant)) return undefined
      return this.#sessionOf(own, grant)
    }
  }

  #sessionOf({ did, deviceDid }: UserGrants, grant: StoredGrant): RpcSession {
    const { id, name, scopes, maxSecurityLevel, expiresAt, paused } = grant
    return {
      did,
      deviceDid,
      scopes,
      maxSecurityLevel,
      expiresAt: expiresAt ?? Number.MAX_SAFE_INTEGER,
      app: { grantId: id, name, paused, take: () => this.#rateOf(grant).take(id) },
    }
  }

  #rateOf({ id, callsPerMinute }: AppGrant): TokenBuckets {
    let rate = this.#rates.get(id)
    if (!rate) {
      const { now } = this.#options
      rate = new TokenBuckets({ burst: callsPerMinute, perSecond: callsPerMinute / 60, names: 1, now })
      this.#rates.set(id, rate)
    }
    return rate
  }

  #isOver({ expiresAt }: AppGrant): boolean {
    return expiresAt !== null && this.#options.now() >= expiresAt
  }

  #of(did: string): UserGrants {
    const own = this.#loaded.get(did) ?? this.#load(did)
    if (!own) throw new VivimError('NotFound', 'There is no such user on this node.')
    return own
  }

  #byHash(prefix: string): UserGrants | undefined {
    for (const { did } of this.#options.users())
      if (userHash(did).startsWith(prefix)) return this.#loaded.get(did) ?? this.#load(did)
    return undefined
  }

  #find({ grants }: UserGrants, id: string): StoredGrant {
    const found = grants.get(id)
    if (!found)
      throw new VivimError('NotFound', 'There is no such app grant.', {
        hint: '`vivimd app list` shows yours.',
      })
    return found
  }

  #load(did: string): UserGrants | undefined {
    const user = [...this.#options.users()].find((candidate) => candidate.did === did)
    if (!user) return undefined
    const path = join(user.folder, FILE)
    const list = existsSync(path) ? grantsIn(readFileSync(path, 'utf8')) : []
    const own = { did, deviceDid: user.deviceDid, grants: new Map(list.map((grant) => [grant.id, grant])) }
    this.#loaded.set(did, own)
    return own
  }

  #save(own: UserGrants, grant: StoredGrant): void {
    own.grants.set(grant.id, grant)
    this.#write(own)
  }

  #write({ did, grants }: UserGrants): void {
    const user = [...this.#options.users()].find((candidate) => candidate.did === did)
    if (!user) return
    const content = JSON.stringify({ format: FORMAT, grants: [...grants.values()] })
    replaceFile(join(user.folder, FILE), Buffer.from(content))
  }
}

function grantsIn(text: string): StoredGrant[] {
  try {
    const { format, grants } = JSON.parse(text) as { format?: unknown; grants?: unknown }
    if (format === FORMAT && Array.isArray(grants)) return grants as StoredGrant[]
  } catch {
    // Below.
  }
  throw new VivimError('Corrupt', 'The list of app grants is damaged.', {
    hint: 'Remove `grants.json` from the user’s folder: every app must be let in again.',
  })
}

function hashed(token: string): string {
  return hash('sha256', token, 'hex')
}

function ended(): VivimError {
  return new VivimError('Unauthorized', 'That app grant has ended.', {
    hint: 'Ask the user for a new one: `vivimd app add NAME`.',
  })
}
