import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile, syncFolder, TEMPORARY } from '../identity/atomic-file.ts'
import type { MasterLog } from './master-log.ts'
import {
  type CheckedRecord,
  checkedRecord,
  RECORD_KINDS,
  type RecordKind,
  recordName,
} from './record-kinds.ts'

/** A signed record that waits to be published. */
export type WaitingRecord = CheckedRecord

/** What is said of a person who is not here any more. */
const KEPT: readonly RecordKind[] = ['tombstone', 'successor']

/**
 * Signed records on their way to the master: one file each, so that they survive whatever happens to this process. Of
 * two records about the same person or device the newer stays.
 */
export class Outbox {
  readonly #folder: string
  /** By file name. */
  readonly #records = new Map<string, WaitingRecord>()

  /** Makes the folder when it is absent, 0700. What is no record any more is removed. */
  constructor(folder: string, log: Pick<MasterLog, 'warn'>) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#folder = folder
    for (const name of readdirSync(folder).sort()) {
      const found = name.endsWith(TEMPORARY) ? undefined : readFile(folder, name)
      if (found) this.#records.set(name, found)
      else {
        log.warn({ name }, 'a file of the outbox is no record and was removed')
        rmSync(join(folder, name), { recursive: true, force: true })
      }
    }
  }

  get size(): number {
    return this.#records.size
  }

  /** The records now, those that have waited longest first. */
  waiting(): WaitingRecord[] {
    return [...this.#records.values()]
  }

  /** The record with that name, as `recordName` gives it. */
  named(name: string): WaitingRecord | undefined {
    return this.#records.get(name)
  }

  /**
   * Durable when it returns.
   * @throws VivimError `InvalidParams` for what does not verify, `TooLarge`, `StorageFull`
   */
  add(kind: RecordKind, bytes: Uint8Array): void {
    const record = checkedRecord({ kind, bytes: new Uint8Array(bytes) })
    const name = recordName(record)
    const present = this.#records.get(name)
    if (present && present.sequence >= record.sequence) return
    replaceFile(join(this.#folder, name), record.bytes)
    this.#records.set(name, record)
  }

  /** Unless a newer one has taken its place. */
  remove(record: WaitingRecord): void {
    for (const [name, present] of this.#records) if (present === record) this.#drop([name])
  }

  /** Drops what waits about a person, but that their account has ended, or goes on under another root key. */
  forget(did: string): void {
    this.#drop(
      [...this.#records]
        .filter(([, { did: whose, kind }]) => whose === did && !KEPT.includes(kind))
        .map(([name]) => name),
    )
  }

  #drop(names: readonly string[]): void {
    for (const name of names) {
      rmSync(join(this.#folder, name), { force: true })
      this.#records.delete(name)
    }
    if (names.length > 0) syncFolder(this.#folder)
  }
}

/** Undefined unless the file holds what its name says. */
function readFile(folder: string, name: string): WaitingRecord | undefined {
  const kind = RECORD_KINDS.find((each) => name.startsWith(`${each}-`))
  if (kind === undefined) return undefined
  try {
    const record = checkedRecord({ kind, bytes: new Uint8Array(readFileSync(join(folder, name))) })
    return recordName(record) === name ? record : undefined
  } catch {
    return undefined
  }
}
