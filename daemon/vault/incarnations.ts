import { encodeCanonical } from '../../crdt/cbor.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import { noteBack } from './away.ts'
import { BootFile, type LogMark } from './boot-file.ts'
import type { Sql } from './sql.ts'

/** The log a device writes. */
export interface OwnLog {
  readonly ref: number
  readonly incarnation: Uint8Array
  /** Its stamps are doubted, and nobody is told of it. The log it was begun after, 0 when that is gone. */
  readonly suspect: number | null
}

interface OwnRow extends OwnLog {
  readonly head_seq: number
  readonly head_hash: Uint8Array
}

/**
 * Which of its logs this device goes on writing. A vault that is not surely the one that was open here last begins
 * a new one before its first write: two writers of one log would write it apart.
 */
export class Incarnations {
  readonly #sql: Sql
  readonly #space: number
  readonly #device: Uint8Array
  readonly #random: (bytes: number) => Uint8Array
  readonly #now: () => number
  readonly #boot: BootFile

  constructor(options: {
    readonly sql: Sql
    readonly space: number
    /** Its Ed25519 public key. */
    readonly device: Uint8Array
    readonly vaultPath: string
    readonly random: (bytes: number) => Uint8Array
    readonly now: () => number
  }) {
    this.#sql = options.sql
    this.#space = options.space
    this.#device = options.device
    this.#random = options.random
    this.#now = options.now
    this.#boot = new BootFile(options.vaultPath)
  }

  /** The log to write, settled before the first write; noted when this vault was restored or copied. */
  open(): OwnLog {
    const present = this.#own()
    const copied = present !== undefined && !this.#isLastOwner()
    this.#renewToken(() => {
      if (present && !copied) return
      this.begin()
      // A backup comes back as a new device.
      noteBack(this.#sql, this.#now())
    })
    const { ref, incarnation, suspect } = this.#own()!
    return { ref, incarnation, suspect }
  }

  /** Begins a new log, inside a transaction; the one before is never written again. */
  begin(): OwnLog {
    const last = this.#own()
    const incarnation = this.#random(8)
    const began =
      last !== undefined &&
      (last.head_seq > 0 || this.#sql.get('SELECT 1 FROM logs WHERE parent = ?', [last.ref]) !== undefined)
    if (last && !began) this.#sql.run('DELETE FROM logs WHERE ref = ?', [last.ref])
    if (last) this.#sql.run('UPDATE segments SET closed = 1 WHERE log = ?', [last.ref])
    this.#sql.run(
      'INSERT INTO logs (space, device, incarnation, predecessor, head_seq, head_hash) VALUES (?, ?, ?, ?, 0, ?)',
      [
        this.#space,
        this.#device,
        incarnation,
        began ? encodeCanonical([last.head_seq, last.head_hash]) : null,
        GENESIS_HASH,
      ],
    )
    this.#setMeta('incarnation', incarnation)
    const { ref } = this.#own()!
    return { ref, incarnation, suspect: null }
  }

  /** Begins a log of which nobody is told, inside a transaction. */
  beginSuspect(): OwnLog {
    const left = this.#own()
    const own = this.begin()
    // An empty log was taken away.
    const suspect = left && left.head_seq > 0 ? left.ref : 0
    this.#sql.run('UPDATE logs SET suspect = ? WHERE ref = ?', [suspect, own.ref])
    return { ...own, suspect }
  }

  /** The log that was left for a suspect one, if it can be gone on in. */
  leftBy({ suspect }: OwnLog): OwnLog | undefined {
    const left = this.#sql.get<OwnRow>(
      'SELECT ref, incarnation, suspect, head_seq, head_hash FROM logs l WHERE ref = ? AND NOT EXISTS (SELECT 1 FROM logs WHERE parent = l.ref)',
      [suspect],
    )
    return left && { ref: left.ref, incarnation: left.incarnation, suspect: null }
  }

  /** Goes on in the log that was left for a suspect one, or in a new one, inside a transaction. */
  goBack(own: OwnLog): OwnLog {
    const left = this.leftBy(own)
    if (!left) return this.begin()
    this.#setMeta('incarnation', left.incarnation)
    return left
  }

  /** The last operation of the log that is written has no body: nothing says how late its stamp is. */
  get endsHollow(): boolean {
    const own = this.#own()
    return (
      own !== undefined &&
      this.#sql.get('SELECT 1 FROM sync_operations WHERE log = ? AND seq = ? AND body IS NULL', [
        own.ref,
        own.head_seq,
      ]) !== undefined
    )
  }

  /** After each commit: what a vault put back later lacks. */
  committed(): void {
    this.#boot.note(this.#mark())
  }

  /** Leaves another token than the one that was there while the vault was open, so that a copy made then is told. */
  close(): void {
    try {
      this.#renewToken(() => {})
    } catch {
      // A full disk or a folder that is gone: the token before is as true.
    }
    this.#boot.close()
  }

  /**
   * The new token is in the vault before it is in the file, and the old one until it is: whichever of the two the file
   * has after a crash, it is this vault's own.
   */
  #renewToken(work: () => void): void {
    const next = this.#boot.prepare(this.#random(16), this.#mark())
    this.#sql.run('BEGIN IMMEDIATE')
    try {
      work()
      this.#setMeta('boot_next', next)
      this.#sql.run('COMMIT')
    } catch (error) {
      this.#sql.run('ROLLBACK')
      throw error
    }
    this.#boot.install()
    this.#sql.run('BEGIN IMMEDIATE')
    this.#setMeta('boot_token', next)
    this.#sql.run("DELETE FROM meta WHERE name = 'boot_next'")
    this.#sql.run('COMMIT')
  }

  #isLastOwner(): boolean {
    const file = this.#boot.read()
    const known = [this.#meta('boot_token'), this.#meta('boot_next')].filter((token) => token !== undefined)
    // A vault of a program before this file was kept.
    if (!file && !this.#meta('boot_token')) return true
    return file?.mark !== undefined && known.includes(file.token) && this.#holds(file.mark)
  }

  #holds({ incarnation, sequence, hash }: LogMark): boolean {
    if (sequence === 0) return true
    const row = this.#sql.get<{ head_seq: number; hash: Uint8Array | null }>(
      `SELECT l.head_seq, o.hash FROM logs l LEFT JOIN sync_operations o ON o.log = l.ref AND o.seq = ?
       WHERE l.space = ? AND l.device = ? AND l.incarnation = ?`,
      [sequence, this.#space, this.#device, incarnation],
    )
    return (
      row !== undefined && row.head_seq >= sequence && (!row.hash || Buffer.compare(row.hash, hash) === 0)
    )
  }

  #mark(): LogMark {
    const own = this.#own()
    return own
      ? { incarnation: own.incarnation, sequence: own.head_seq, hash: own.head_hash }
      : { incarnation: new Uint8Array(8), sequence: 0, hash: GENESIS_HASH }
  }

  /** Other copies of this device have logs too: the newest one is not always ours. */
  #own(): OwnRow | undefined {
    const incarnation = this.#meta<Uint8Array>('incarnation')
    return this.#sql.get<OwnRow>(
      `SELECT ref, incarnation, suspect, head_seq, head_hash FROM logs WHERE space = ? AND device = ?
       ${incarnation ? 'AND incarnation = ?' : 'ORDER BY ref DESC LIMIT 1'}`,
      [this.#space, this.#device, ...(incarnation ? [incarnation] : [])],
    )
  }

  #meta<T = string>(name: string): T | undefined {
    return this.#sql.get<{ value: T }>('SELECT value FROM meta WHERE name = ?', [name])?.value
  }

  #setMeta(name: string, value: string | Uint8Array): void {
    this.#sql.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', [name, value])
  }
}
