import { type FSWatcher, watch } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Watch } from '../../schema/methods/live-capture.ts'
import type { Pace } from '../vault/pace.ts'
import type { Vault } from '../vault/vault.ts'
import { ArchiveFiles } from './archive-files.ts'
import { planExport } from './export-plan.ts'
import { readExport } from './export-reader.ts'
import { captureConversation, isErasedConflict, recordAttempt } from './pipeline.ts'
import { providerNamed } from './providers/index.ts'
import { openSource } from './sources/open-source.ts'
import { uuidV7 } from './uuid-v7.ts'
import {
  deleteWatch,
  fileStates,
  forgetFile,
  insertWatch,
  noteFile,
  noteLook,
  type WatchRow,
  watchItems,
  watchRows,
} from './watch-store.ts'

/** A program that writes line by line is left to finish. */
const SETTLE_MS = 500
/** Folders on other machines tell nobody of their changes. */
const LOOK_EVERY_MS = 60_000

export interface WatchesOptions {
  readonly vault: Vault
  readonly random: (bytes: number) => Uint8Array
  readonly privateFolders: readonly string[]
  readonly pace: Pace
  wakeDerivation(): void
  /** Told whether any folder is followed: then the user's database is kept open. */
  onWatching(watching: boolean): void
  onUnexpected(error: unknown): void
  readonly settleMs?: number
}

/** Folders whose files are captured as they are written. What was read is noted file by file, so a restart goes on. */
export class Watches {
  readonly #options: WatchesOptions
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #dirty = new Set<string>()
  readonly #every: NodeJS.Timeout
  readonly #stop = new AbortController()
  #looking: Promise<void> | undefined

  constructor(options: WatchesOptions) {
    this.#options = options
    this.#every = setInterval(() => this.#lookAtAll(), LOOK_EVERY_MS)
    this.#every.unref()
  }

  get watching(): boolean {
    return this.#watchers.size > 0 || watchRows(this.#options.vault).length > 0
  }

  /** Goes on with the folders of before. */
  resume(): void {
    for (const row of watchRows(this.#options.vault)) this.#follow(row)
    this.#lookAtAll()
  }

  list(): Watch[] {
    return watchItems(this.#options.vault)
  }

  /** Throws VivimError NotFound, Forbidden, InvalidParams (no folder), Conflict (followed already), Exhausted. */
  async add(path: string, provider: string | undefined): Promise<Watch> {
    const { vault, privateFolders, random } = this.#options
    if (provider !== undefined && !providerNamed(provider))
      throw new VivimError('InvalidParams', 'This node knows no such provider.', { field: 'provider' })
    const source = await openSource({ path }, privateFolders)
    await source.close()
    if (source.kind !== 'folder')
      throw new VivimError('InvalidParams', 'Only a folder can be followed.', { field: 'path' })
    const rows = watchRows(vault)
    if (rows.some((row) => row.path === path))
      throw new VivimError('Conflict', 'That folder is followed already.')
    if (rows.length >= LIMITS.captureWatches)
      throw new VivimError('Exhausted', 'Too many folders are followed.')
    const row = { id: uuidV7(vault.now(), random(10)), path, provider: provider ?? null }
    vault.transact((tx) => insertWatch(tx, row, vault.now()))
    this.#follow(row)
    this.#look(row.id)
    this.#options.onWatching(true)
    return this.list().find(({ watchId }) => watchId === row.id)!
  }

  remove(id: string): void {
    const { vault } = this.#options
    if (!watchRows(vault).some((row) => row.id === id))
      throw new VivimError('NotFound', 'No such folder is followed.', { field: 'watchId' })
    this.#watchers.get(id)?.close()
    this.#watchers.delete(id)
    vault.transact((tx) => deleteWatch(tx, id))
    this.#options.onWatching(this.watching)
  }

  /** Resolves when what has changed so far is read. */
  async settled(): Promise<void> {
    while (this.#looking) await this.#looking
  }

  async close(): Promise<void> {
    clearInterval(this.#every)
    this.#stop.abort()
    for (const timer of this.#timers.values()) clearTimeout(timer)
    for (const watcher of this.#watchers.values()) watcher.close()
    await this.#looking
  }

  #follow({ id, path }: WatchRow): void {
    try {
      const watcher = watch(path, { recursive: true, persistent: false }, () => this.#soon(id))
      // A folder that is gone is found out about at the next look.
      watcher.on('error', () => watcher.close())
      this.#watchers.set(id, watcher)
    } catch {} // looked at every minute all the same
  }

  #soon(id: string): void {
    if (this.#timers.has(id) || this.#stop.signal.aborted) return
    const timer = setTimeout(() => {
      this.#timers.delete(id)
      this.#look(id)
    }, this.#options.settleMs ?? SETTLE_MS)
    this.#timers.set(id, timer.unref())
  }

  #lookAtAll(): void {
    for (const { id } of watchRows(this.#options.vault)) this.#look(id)
  }

  /** One look at a time; what changes meanwhile is looked at again. */
  #look(id: string): void {
    this.#dirty.add(id)
    this.#looking ??= this.#work().finally(() => {
      this.#looking = undefined
    })
  }

  async #work(): Promise<void> {
    for (let [id] = this.#dirty; id !== undefined && !this.#stop.signal.aborted; [id] = this.#dirty) {
      this.#dirty.delete(id)
      const row = watchRows(this.#options.vault).find((each) => each.id === id)
      if (!row) continue
      const error = await this.#readFolder(row).then(
        () => null,
        (thrown: unknown) => {
          if (!(thrown instanceof VivimError)) this.#options.onUnexpected(thrown)
          return thrown instanceof VivimError ? thrown.code : 'Internal'
        },
      )
      if (this.#stop.signal.aborted) return
      const { vault } = this.#options
      vault.transact((tx) => noteLook(tx, row.id, vault.now(), error))
    }
  }

  async #readFolder(row: WatchRow): Promise<void> {
    const { vault, privateFolders } = this.#options
    const folder = await openSource({ path: row.path }, privateFolders, { nested: false })
    const known = fileStates(vault, row.id)
    for (const { name } of await folder.entries()) {
      if (this.#stop.signal.aborted) return
      const path = join(row.path, name)
      const found = await lstat(path).catch(() => undefined)
      if (!found) continue
      const state = `${found.size} ${found.mtimeMs}`
      const before = known.get(name)
      known.delete(name)
      if (before === state) continue
      const counts = await this.#readFile(row, path)
      if (counts) vault.transact((tx) => noteFile(tx, row.id, { name, state }, counts))
    }
    await folder.close()
    if (known.size === 0) return
    vault.transact((tx) => {
      for (const name of known.keys()) forgetFile(tx, row.id, name)
    })
  }

  /** Undefined when it was stopped before the end. What cannot be read now is read again when it changes. */
  async #readFile(row: WatchRow, path: string): Promise<{ created: number; updated: number } | undefined> {
    const counts = { created: 0, updated: 0 }
    try {
      const source = await openSource({ path }, this.#options.privateFolders)
      try {
        const plan = await planExport(source, row.provider ?? undefined)
        for await (const item of readExport(source, plan, { files: new ArchiveFiles(source) })) {
          if (this.#stop.signal.aborted) return undefined
          if (item.kind !== 'parsed') continue
          for (const conversation of item.parsed.conversations) {
            const status = this.#capture(conversation, item.raw)
            if (status === 'created') counts.created++
            else if (status === 'updated') counts.updated++
          }
          await this.#options.pace()
        }
      } finally {
        await source.close()
      }
    } catch (error) {
      if (!(error instanceof VivimError) || error.code === 'StorageFull' || error.code === 'UserUnavailable')
        throw error
    }
    return counts
  }

  #capture(conversation: Parameters<typeof captureConversation>[2], raw: Uint8Array): string {
    const { vault } = this.#options
    const capturedAt = vault.now()
    try {
      const { status } = vault.transact((tx) =>
        captureConversation(tx, vault, conversation, { again: false, capturedAt, raw }),
      )
      if (status !== 'unchanged') this.#options.wakeDerivation()
      return status
    } catch (error) {
      if (!(error instanceof VivimError) || error.code === 'StorageFull' || error.code === 'UserUnavailable')
        throw error
      if (!isErasedConflict(error)) {
        const { provider } = conversation
        vault.transact((tx) =>
          recordAttempt(tx, { capturedAt, provider, status: 'failed', errorCode: error.code }),
        )
      }
      return 'failed'
    }
  }
}
