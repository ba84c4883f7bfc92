import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import { replaceFile } from '../identity/atomic-file.ts'
import { issueProviderStats, type ProviderCounts } from '../identity/provider-stats.ts'
import { userHash } from '../identity/user-hash.ts'
import type { MasterLog } from './master-log.ts'
import type { MasterService } from './master-service.ts'

const Counts = z.strictObject({
  provider: z.string(),
  attempts: z.int(),
  created: z.int(),
  updated: z.int(),
  unchanged: z.int(),
  failed: z.int(),
})
/** By hash of the user: what each said last. */
const File = z.record(z.string(), z.array(Counts))

export interface StatsReporterOptions {
  readonly file: string
  readonly nodeKey: KeyObject
  readonly master: Pick<MasterService, 'publish' | 'role'>
  /** The user's own counts, and the names of the sources that the program knows; undefined while nobody has them open. */
  readonly countsOf: (did: string) => Promise<UserCounts | undefined>
  /** Whether the owner lets a master have them. */
  readonly wanted: () => boolean
  readonly now: () => number
  readonly log: Pick<MasterLog, 'warn'>
}

export interface UserCounts {
  readonly stats: Result<'capture.stats'>['items']
  readonly known: readonly string[]
}

/** Tells the master how often something is captured from which provider: sums over all users of this node. */
export class StatsReporter {
  readonly #options: StatsReporterOptions
  readonly #byUser: Map<string, readonly ProviderCounts[]>
  readonly #due = new Set<string>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: StatsReporterOptions) {
    this.#options = options
    this.#byUser = new Map(Object.entries(readFile(options.file)))
  }

  /** A user wrote something. */
  committed(did: string): void {
    if (this.#options.master.role === 'solo') return
    this.#due.add(did)
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#report().catch((error: Error) =>
        this.#options.log.warn({ reason: error.message }, 'counts of captures are not told'),
      )
    }, LIMITS.providerStatsMs).unref()
  }

  /** A user was deleted here. */
  forget(did: string): void {
    this.#due.delete(did)
    if (this.#byUser.delete(userHash(did))) this.#save()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  async #report(): Promise<void> {
    const { countsOf, wanted, master, nodeKey, now } = this.#options
    const dids = [...this.#due]
    this.#due.clear()
    if (!wanted()) return
    const before = JSON.stringify(this.#sums())
    for (const did of dids) {
      const counts = await countsOf(did)
      if (counts) this.#byUser.set(userHash(did), namedOnly(counts))
    }
    const counts = this.#sums()
    if (JSON.stringify(counts) === before) return
    this.#save()
    await master.publish('stats', issueProviderStats(nodeKey, { sequence: now(), counts }))
  }

  #sums(): ProviderCounts[] {
    return added([...this.#byUser.values()].flat())
  }

  #save(): void {
    const { file } = this.#options
    replaceFile(file, Buffer.from(JSON.stringify(Object.fromEntries(this.#byUser))))
  }
}

/** An app may call itself what it likes, also what is nobody's business: only names that the program ships are told. */
function namedOnly({ stats, known }: UserCounts): ProviderCounts[] {
  const names = new Set(known)
  return added(
    stats.map(({ lastAt: _, ...each }) => ({
      ...each,
      provider: names.has(each.provider) ? each.provider : 'other',
    })),
  )
}

function added(all: readonly ProviderCounts[]): ProviderCounts[] {
  const sums = new Map<string, ProviderCounts>()
  for (const each of all) {
    const sum = sums.get(each.provider)
    sums.set(each.provider, sum ? plus(sum, each) : each)
  }
  return [...sums.values()].sort((a, b) => (a.provider < b.provider ? -1 : 1)).slice(0, LIMITS.statsProviders)
}

function plus(a: ProviderCounts, b: ProviderCounts): ProviderCounts {
  return {
    provider: a.provider,
    attempts: a.attempts + b.attempts,
    created: a.created + b.created,
    updated: a.updated + b.updated,
    unchanged: a.unchanged + b.unchanged,
    failed: a.failed + b.failed,
  }
}

function readFile(file: string): z.infer<typeof File> {
  try {
    return File.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    // None yet, or damaged: users say theirs again when they next write.
    return {}
  }
}
