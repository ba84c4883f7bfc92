import { type CutOffs, openCutOffs, readCutOffs } from '../../crdt/cut-offs.ts'
import { readEpochWrap } from '../../crdt/epoch-wrap.ts'
import { sha256 } from '../../crdt/hash.ts'
import { hex, MembershipLog } from '../../crdt/membership.ts'
import { readMembershipEntry, type SignedEntry, type VerifyRoot } from '../../crdt/membership-entry.ts'
import { LIMITS } from '../../schema/limits.ts'
import { believesResolution, type EntryTimes } from './resolutions.ts'
import type { Sql } from './sql.ts'

type RecordKind = 'entry' | 'cut-offs' | 'epoch'

interface RecordRow {
  readonly kind: RecordKind
  readonly document: Uint8Array
}

interface ReadRecord {
  readonly document: Uint8Array
  readonly kind: RecordKind
  readonly hash: Uint8Array
  /** Where it is one. */
  readonly entry?: SignedEntry
}

interface Known {
  readonly log: MembershipLog
  readonly entries: readonly SignedEntry[]
  readonly cutOffs: ReadonlyMap<string, CutOffs>
  readonly documents: readonly Uint8Array[]
}

export interface MembershipRecordsOptions {
  readonly sql: Sql
  readonly did: string
  readonly spaceId: Uint8Array
  readonly spaceSecret: Uint8Array
  readonly verifyRoot: VerifyRoot
}

/** What the root key signed of the person's devices: the DID log, cut-offs, and epoch keys. Only grows. */
export class MembershipRecords {
  readonly #options: MembershipRecordsOptions
  #known: Known | undefined

  constructor(options: MembershipRecordsOptions) {
    this.#options = options
  }

  get log(): MembershipLog {
    return this.#load().log
  }

  /** By number, those set aside among them. */
  get entries(): readonly SignedEntry[] {
    return [...this.#load().entries].sort((a, b) => a.number - b.number || Buffer.compare(a.hash, b.hash))
  }

  /** In this space, by hash in hex. */
  get cutOffs(): ReadonlyMap<string, CutOffs> {
    return this.#load().cutOffs
  }

  /** Those the next steps rest on first: entries, cut-offs, wraps. */
  get documents(): readonly Uint8Array[] {
    return this.#load().documents
  }

  /** When the log revoked a device, milliseconds UTC by the clock of who did. */
  revokedAt(device: Uint8Array): number | undefined {
    const { log, entries } = this.#load()
    return entries.find(
      ({ change, hash }) =>
        change.kind === 'revoke' && !log.isSetAside(hash) && Buffer.compare(change.device, device) === 0,
    )?.at
  }

  /** Keeps what is new and signed by the root key. `membership`: it may change whose operations count. */
  save(documents: readonly Uint8Array[], now: number): { changed: boolean; membership: boolean } {
    let changed = false
    let membership = false
    const records = documents.flatMap((document) => this.#read(document) ?? [])
    // Whether a resolution is believed is told by what it resolves.
    const last = ({ entry }: ReadRecord) => Number(entry?.change.kind === 'resolve')
    for (const record of records.sort((a, b) => last(a) - last(b))) {
      const { document, entry } = record
      if (this.#full() || (entry && !believesResolution(this.#options.sql, entry, this.#knownSince))) continue
      const added =
        this.#options.sql.run(
          'INSERT OR IGNORE INTO membership_records (hash, kind, document, known_since) VALUES (?, ?, ?, ?)',
          [record.hash, record.kind, document, now],
        ) > 0
      changed ||= added
      membership ||= added && record.kind !== 'epoch'
    }
    if (changed) this.#known = undefined
    return { changed, membership }
  }

  /** After a rollback. */
  reload(): void {
    this.#known = undefined
  }

  #full(): boolean {
    const { n } = this.#options.sql.get<{ n: number }>('SELECT count(*) AS n FROM membership_records')!
    return n >= LIMITS.membershipRecords
  }

  #read(document: Uint8Array): ReadRecord | undefined {
    const { did, verifyRoot } = this.#options
    const entry = readMembershipEntry(document, did, verifyRoot)
    if (entry) return { document, kind: 'entry', hash: entry.hash, entry }
    if (readEpochWrap(document, verifyRoot)) return { document, kind: 'epoch', hash: sha256(document) }
    const record = this.#readCutOffs(document)
    return record && { document, kind: 'cut-offs', hash: record.hash }
  }

  readonly #knownSince: EntryTimes = (number) => {
    const { sql, did, verifyRoot } = this.#options
    return sql
      .all<{ document: Uint8Array; known_since: number }>(
        "SELECT document, known_since FROM membership_records WHERE kind = 'entry'",
      )
      .flatMap(({ document, known_since }) =>
        readMembershipEntry(document, did, verifyRoot)?.number === number ? [known_since] : [],
      )
  }

  #readCutOffs(document: Uint8Array): (CutOffs & { hash: Uint8Array }) | undefined {
    const { spaceSecret, spaceId, verifyRoot } = this.#options
    const opened = openCutOffs(spaceSecret, document)
    const record = opened && readCutOffs(opened, verifyRoot)
    return record && Buffer.compare(record.space, spaceId) === 0 ? record : undefined
  }

  #load(): Known {
    if (this.#known) return this.#known
    const { sql, did, verifyRoot } = this.#options
    const rows = sql.all<RecordRow>('SELECT kind, document FROM membership_records ORDER BY hash')
    const of = (kind: RecordKind) => rows.flatMap((row) => (row.kind === kind ? [row.document] : []))
    const entries = of('entry').flatMap((document) => readMembershipEntry(document, did, verifyRoot) ?? [])
    const cutOffs = of('cut-offs').flatMap((document) => this.#readCutOffs(document) ?? [])
    this.#known = {
      log: new MembershipLog(entries),
      entries,
      cutOffs: new Map(cutOffs.map((record) => [hex(record.hash), record])),
      documents: [...of('entry'), ...of('cut-offs'), ...of('epoch')],
    }
    return this.#known
  }
}
