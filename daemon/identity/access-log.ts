import { existsSync, readFileSync } from 'node:fs'
import { appendFile, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { LIMITS } from '../../schema/limits.ts'

/** One call that the user may want to know of: never parameters, never an answer. */
export interface AccessEntry {
  /** Milliseconds UTC. */
  readonly at: number
  readonly method: string
  /** The app that called; null for the user's own session. */
  readonly app: string | null
  readonly grantId: string | null
  /** `ok`, or the code of the error it was answered with. */
  readonly outcome: string
}

const FILE = 'access.jsonl'
const OLDER = 'access.1.jsonl'

/**
 * Who read my data: every call of an app, every refused call and every sensitive one, appended to a file in the user's
 * folder, which goes with the user. Two files of limited size; the older one is dropped.
 */
export class AccessLog {
  readonly #folderOf: (did: string) => string | undefined
  readonly #onError: (error: unknown) => void
  readonly #waiting = new Map<string, string[]>()
  #writing: Promise<void> = Promise.resolve()

  constructor(options: {
    readonly folderOf: (did: string) => string | undefined
    readonly onError: (error: unknown) => void
  }) {
    this.#folderOf = options.folderOf
    this.#onError = options.onError
  }

  add(did: string, entry: AccessEntry): void {
    const line = `${JSON.stringify(entry)}\n`
    const waiting = this.#waiting.get(did)
    if (waiting) {
      waiting.push(line)
      return
    }
    this.#waiting.set(did, [line])
    this.#writing = this.#writing.then(() => this.#write(did)).catch(this.#onError)
  }

  /** Newest first, after `skip` of them. */
  async list(did: string, skip: number, limit: number): Promise<AccessEntry[]> {
    await this.flush()
    const folder = this.#folderOf(did)
    if (folder === undefined) return []
    const lines = [OLDER, FILE].flatMap((name) => linesOf(join(folder, name))).reverse()
    return lines.slice(skip, skip + limit).flatMap(entryOf)
  }

  /** Resolves when all that was added is in its file. */
  async flush(): Promise<void> {
    await this.#writing
  }

  async #write(did: string): Promise<void> {
    const lines = this.#waiting.get(did) ?? []
    this.#waiting.delete(did)
    const folder = this.#folderOf(did)
    if (folder === undefined || !existsSync(folder)) return
    const path = join(folder, FILE)
    const size = await stat(path).then(
      ({ size }) => size,
      () => 0,
    )
    if (size > LIMITS.accessLogBytes) await rename(path, join(folder, OLDER))
    await appendFile(path, lines.join(''), { mode: 0o600 })
  }
}

function linesOf(path: string): string[] {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : []
}

/** A line a crash cut short says nothing. */
function entryOf(line: string): AccessEntry[] {
  try {
    return [JSON.parse(line) as AccessEntry]
  } catch {
    return []
  }
}
