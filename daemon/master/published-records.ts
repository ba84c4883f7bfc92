import { LIMITS } from '../../schema/limits.ts'
import { readUserRecord } from '../identity/user-record.ts'
import type { LogReader } from './log/log-reader.ts'
import type { MasterLog } from './master-log.ts'
import { Outbox } from './outbox.ts'
import { recordsIn } from './record-check.ts'
import { type CheckedRecord, readRecord, recordName } from './record-kinds.ts'

export interface PublishedRecordsOptions {
  readonly folder: string
  /** What is missing at the master goes there again. */
  readonly outbox: Outbox
  readonly reader: Pick<LogReader, 'find' | 'published' | 'forget'>
  readonly log: MasterLog
  /** There is something to publish. */
  readonly onAgain: () => void
  readonly count: (name: string) => void
}

/** Records that the master took are kept here and looked for there: it may lose them, or be restored from an old copy. */
export class PublishedRecords {
  readonly #options: PublishedRecordsOptions
  readonly #kept: Outbox
  readonly #stopping = new AbortController()
  #auditing: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: PublishedRecordsOptions) {
    this.#options = options
    this.#kept = new Outbox(options.folder, options.log)
  }

  /**
   * What one person writes to another is not looked for here: a master shows it to their devices alone, and these write
   * it again. @throws VivimError `StorageFull`
   */
  took(record: CheckedRecord): void {
    if (record.kind === 'connection') return
    this.#kept.add(record.kind, record.bytes)
    this.#options.reader.published(record)
  }

  /** Whether the master took this one, a newer one about the same, or one that says the same of a person. */
  has(record: CheckedRecord): boolean {
    const present = this.#kept.named(recordName(record))
    if (!present) return false
    if (present.sequence >= record.sequence) return true
    // It is signed anew each time the device is reached elsewhere.
    const name = ({ bytes }: CheckedRecord) => readUserRecord(bytes)?.displayName
    return record.kind === 'user' && name(present) === name(record)
  }

  forget(did: string): void {
    this.#kept.forget(did)
    this.#options.reader.forget(did)
  }

  /** The master's log began anew: everything is published again. */
  publishAgain(): void {
    for (const record of this.#kept.waiting()) {
      this.#options.outbox.add(record.kind, record.bytes)
      this.#kept.remove(record)
    }
    this.#options.onAgain()
  }

  /** Looks for everything at the master, now and from now on. Never throws. */
  audit(): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve()
    clearTimeout(this.#timer)
    this.#auditing ??= this.#auditAll()
      .catch((error: Error) =>
        this.#options.log.warn({ reason: error.message }, 'the master was not audited'),
      )
      .finally(() => {
        this.#auditing = undefined
        if (this.#stopping.signal.aborted) return
        this.#timer = setTimeout(() => void this.audit(), LIMITS.masterAuditMs)
        this.#timer.unref()
      })
    return this.#auditing
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#auditing
  }

  async #auditAll(): Promise<void> {
    const { outbox, onAgain, count, log } = this.#options
    const people = new Set(this.#kept.waiting().map(({ did }) => did))
    let missing = 0
    for (const did of people) {
      if (this.#stopping.signal.aborted) return
      const present = await this.#present(did)
      if (!present) return
      for (const record of this.#kept.waiting().filter((each) => each.did === did)) {
        if ((present.get(recordName(record)) ?? -1) >= record.sequence) continue
        outbox.add(record.kind, record.bytes)
        missing++
      }
    }
    count('master.audits')
    if (missing === 0) return
    log.warn({ missing }, 'records that the master had taken are published again')
    onAgain()
  }

  /** The sequences of what the master has of a person; undefined when it does not answer. */
  async #present(did: string): Promise<ReadonlyMap<string, number> | undefined> {
    try {
      const entry = await this.#options.reader.find(did, this.#stopping.signal)
      const records = entry ? recordsIn(entry).flatMap((record) => readRecord(record) ?? []) : []
      return new Map(records.map((record) => [recordName(record), record.sequence]))
    } catch {
      return undefined
    }
  }
}
