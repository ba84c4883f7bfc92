import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import type { UserHost } from './user-host.ts'

/** Somebody may have become idle meanwhile. */
const LOOK_AGAIN_MS = 50

export interface OpenUsersOptions {
  /** Hosts open at once. */
  readonly limit: number
  /** A host used this recently is not closed to make room. */
  readonly busyMs: number
  /** How long somebody waits for room before they are told to come back; real time. */
  readonly waitMs: number
  readonly now: () => number
  readonly open: (did: string) => Promise<UserHost>
}

interface Entry {
  readonly opening: Promise<UserHost>
  /** It counts among those that are open. */
  hasRoom: boolean
  host?: UserHost
  closing?: Promise<void>
  askedAt: number
}

/** The open hosts, at most one per user; the one unused for longest makes room for the next. */
export class OpenUsers {
  readonly #options: OpenUsersOptions
  readonly #entries = new Map<string, Entry>()
  /** Who came first gets room first. */
  #turn: Promise<void> = Promise.resolve()
  #stopping = false

  constructor(options: OpenUsersOptions) {
    this.#options = options
  }

  /** Those that take a place, opening and closing included. */
  get size(): number {
    return [...this.#entries.values()].filter(({ hasRoom }) => hasRoom).length
  }

  /** The user's host if it is open now; looking is no use of it. */
  peek(did: string): UserHost | undefined {
    const entry = this.#entries.get(did)
    return entry?.closing || entry?.host?.open === false ? undefined : entry?.host
  }

  /** Those fully open now. */
  hosts(): [did: string, host: UserHost][] {
    return [...this.#entries].flatMap(([did, { host, closing }]) =>
      host && !closing ? [[did, host] as [string, UserHost]] : [],
    )
  }

  /** The user's host, opened if need be. @throws `UserUnavailable` when nobody can make room; what `open` throws */
  async get(did: string): Promise<UserHost> {
    for (;;) {
      if (this.#stopping) throw stopping()
      const present = this.#entries.get(did)
      if (!present) return this.#add(did)
      if (!present.closing && present.host?.open !== false) {
        present.askedAt = this.#options.now()
        return present.opening
      }
      await (present.closing ?? this.close(did))
    }
  }

  /** Resolves when the user's files are closed; also when they were not open. */
  async close(did: string, budgetMs?: number): Promise<void> {
    const entry = this.#entries.get(did)
    if (!entry) return
    entry.closing ??= this.#close(did, entry, budgetMs)
    await entry.closing
  }

  /** Closes everything; nothing opens from here on. */
  async closeAll(budgetMs?: number): Promise<void> {
    this.#stopping = true
    await Promise.all([...this.#entries.keys()].map((did) => this.close(did, budgetMs)))
  }

  #add(did: string): Promise<UserHost> {
    const { promise: room, resolve, reject } = Promise.withResolvers<void>()
    const opening = room.then(() => this.#options.open(did))
    const entry: Entry = { opening, hasRoom: false, askedAt: this.#options.now() }
    this.#entries.set(did, entry)
    opening.then(
      (host) => {
        entry.host = host
      },
      () => {
        if (!entry.closing) this.#entries.delete(did)
      },
    )
    const since = performance.now()
    this.#turn = this.#turn.then(() => this.#makeRoom(entry, since).then(resolve, reject))
    return opening
  }

  async #close(did: string, entry: Entry, budgetMs: number | undefined): Promise<void> {
    try {
      const host = await entry.opening.catch(() => undefined)
      await host?.close(budgetMs)
    } finally {
      this.#entries.delete(did)
    }
  }

  /** Closes the one unused for longest when all places are taken; waits while none may go. */
  async #makeRoom(entry: Entry, since: number): Promise<void> {
    const { limit, busyMs, waitMs, now } = this.#options
    for (;;) {
      if (this.#stopping) throw stopping()
      const staying = [...this.#entries].filter(([, { closing, hasRoom }]) => hasRoom && !closing)
      if (staying.length < limit) break
      let oldest: { did: string; usedAt: number } | undefined
      for (const [did, { host, askedAt }] of staying) {
        if (!host || (host.open && host.busy)) continue
        const usedAt = Math.max(askedAt, host.lastUsedAt)
        if (!oldest || usedAt < oldest.usedAt) oldest = { did, usedAt }
      }
      const waitsFor = oldest ? oldest.usedAt + busyMs - now() : busyMs
      if (oldest && waitsFor <= 0) await this.close(oldest.did)
      else if (performance.now() - since >= waitMs)
        throw new VivimError('UserUnavailable', 'Too many users are active on this node.', {
          retryAfterMs: Math.max(100, Math.min(waitsFor, 1_000)),
        })
      else await delay(Math.max(1, Math.min(waitsFor, LOOK_AGAIN_MS)))
    }
    entry.hasRoom = true
  }
}

function stopping(): VivimError {
  return new VivimError('UserUnavailable', 'The node is stopping.', { retryAfterMs: 2_000 })
}
