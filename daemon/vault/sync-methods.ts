import { logName } from '../../crdt/frontier.ts'
import { hlcFromText, hlcToBytes, hlcToText } from '../../crdt/hlc.ts'
import { decodeOperation, type Operation } from '../../crdt/operation.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { ENTITY_BY_NUMBER, REPLICATED_ENTITIES, type Value } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { AuditRecords } from './audit-records.ts'
import { clockState } from './clock-state.ts'
import type { Devices } from './devices.ts'
import { maskJson } from './mask-json.ts'
import type { OpenVault } from './open-vault.ts'
import { createPace, type Pace } from './pace.ts'
import { decodeCursor, pageOf } from './paging.ts'
import type { StateAudit } from './state-audit.ts'
import type { SyncCursors } from './sync-cursors.ts'
import { type Problem, segmentFits, verifySpace } from './verify.ts'

/** The owner's view of replication: state, flight recorder, and the check of it all. */
export class SyncView {
  readonly #vault: OpenVault
  readonly #cursors: SyncCursors
  readonly #devices: Devices
  readonly #releaseHeld: () => void
  readonly #didOf: (device: Uint8Array) => string
  readonly #audit: StateAudit
  readonly #contentProblems: (pace: Pace) => Promise<Problem[]>
  readonly #mask: (text: string, maxLevel: number) => string

  constructor(options: {
    readonly vault: OpenVault
    readonly cursors: SyncCursors
    readonly audit: StateAudit
    readonly devices: Devices
    /** The DID of a device's public key. */
    readonly didOf: (device: Uint8Array) => string
    /** Checks content hashes of conversations, messages, units and blobs. */
    readonly contentProblems: (pace: Pace) => Promise<Problem[]>
    /** Masks spans above a level. */
    readonly mask: (text: string, maxLevel: number) => string
    /** Merges held operations that are due. */
    readonly releaseHeld: () => void
  }) {
    this.#releaseHeld = options.releaseHeld
    this.#vault = options.vault
    this.#cursors = options.cursors
    this.#audit = options.audit
    this.#devices = options.devices
    this.#didOf = options.didOf
    this.#contentProblems = options.contentProblems
    this.#mask = options.mask
  }

  async status(): Promise<Result<'sync.status'>> {
    const stateDigest = await this.#stateDigest()
    const audits = new AuditRecords(this.#vault)
    const { space, logs, did, records } = this.#vault
    const count = this.#vault.get<{ n: number }>(
      'SELECT count(*) AS n FROM sync_operations o JOIN logs l ON l.ref = o.log WHERE l.space = ?',
      [space],
    )
    return {
      spaces: [
        {
          space: Buffer.from(privateSpaceId(did)).toString('hex'),
          kind: 'private',
          operations: count?.n ?? 0,
          frontierDigest: logs.frontierDigest(space),
          stateDigest,
          holds: this.#vault.held.count(),
          membership: {
            head: Buffer.from(records.log.head).toString('hex'),
            entries: records.log.size,
            forkedAt: records.log.forkedAt ?? null,
          },
          clock: clockState(this.#vault),
          peers: this.#others().map(({ device, deviceDid }) => {
            const { connected, behind, lastSeenAt, upTo } = this.#progressOf(device)
            const name = this.#devices.nameOf(deviceDid)
            const audit = audits.lastOf(device)
            const mailbox = this.#cursors.leftFor(device)
            return { deviceDid, name, connected, behind, lastSeenAt, upTo, mailbox, audit }
          }),
          alarms: audits.alarms().map(({ device, names, ...alarm }) => {
            const deviceDid = this.#didOf(device)
            return { deviceDid, name: this.#devices.nameOf(deviceDid), ...alarm, names: [...names] }
          }),
        },
      ],
    }
  }

  /** null: a large vault, of which not all rows were read yet. */
  async #stateDigest(): Promise<string | null> {
    const { logs, space } = this.#vault
    const written = logs.list(space).reduce((sum, { head_seq }) => sum + head_seq, 0)
    if (written <= LIMITS.digestAtOnceOperations) return this.#audit.digest()
    return (await this.#audit.digestWithin(LIMITS.digestWaitMs)) ?? null
  }

  /** How far each other device has come, by its own word. */
  cursors(): Result<'sync.cursors'> {
    return {
      items: this.#others().map(({ device, deviceDid }) => {
        const name = this.#devices.nameOf(deviceDid)
        return { deviceDid, name, ...this.#progressOf(device) }
      }),
      nextCursor: null,
    }
  }

  /** Operations that wait, by device and place. */
  holds({ limit, cursor }: Params<'sync.holds'>): Result<'sync.holds'> {
    const [log, sequence] = cursor === undefined ? [0, 0] : decodeCursor(cursor, 2).map(Number)
    return pageOf(
      this.#vault.held.page(log!, sequence!, limit + 1),
      limit,
      ({ log, seq, reason, until, body }) => {
        const operation = body ? decodeOperation(body) : undefined
        const tableName = operation && ENTITY_BY_NUMBER.get(operation.table)?.name
        return {
          deviceDid: this.#didOf(this.#vault.logs.deviceOf(log).device),
          sequence: seq,
          hlcTimestamp: operation ? hlcToText(operation.hlc) : null,
          reason,
          until,
          ...(tableName === undefined ? {} : { tableName }),
        }
      },
      ({ log, seq }) => [log, seq],
    )
  }

  #progressOf(device: Uint8Array) {
    const progress = this.#cursors.progressOf(device)
    return { ...progress, upTo: progress.behind === 0 ? progress.inSyncAt : this.#heldUpTo(device) }
  }

  #others() {
    const { members, ownLog, logs, authority } = this.#vault
    const own = logs.deviceOf(ownLog).device
    return members
      .list()
      .filter(({ device }) => Buffer.compare(device, own) !== 0 && !authority.isTakenOut(device))
  }

  /** Milliseconds UTC up to which a device lacks nothing: just before the first operation it has not acknowledged. */
  #heldUpTo(device: Uint8Array): number | null {
    const first = this.#cursors
      .cursorsOf(device)
      .filter(({ sequence, head }) => sequence < head)
      .flatMap(({ log, sequence }) => {
        const row = this.#vault.get<{ body: Uint8Array }>(
          'SELECT body FROM sync_operations WHERE log = ? AND seq > ? AND body IS NOT NULL ORDER BY seq LIMIT 1',
          [log, sequence],
        )
        return row ? [decodeOperation(row.body).hlc.ms] : []
      })
    return first.length === 0 ? null : Math.min(...first) - 1
  }

  forks(): Result<'sync.forks'> {
    const items = this.#vault.forks.list().map((fork) => {
      const deviceDid = this.#didOf(fork.device)
      return {
        deviceDid,
        name: this.#devices.nameOf(deviceDid),
        incarnation: Buffer.from(fork.incarnation).toString('hex'),
        sequence: fork.sequence,
        foundAt: fork.foundAt,
        resolved: fork.resolved,
        branches: fork.branches.map(({ first, head }) => ({
          hash: Buffer.from(first).toString('hex'),
          operations: head.sequence - fork.sequence + 1,
        })),
      }
    })
    return { items, nextCursor: null }
  }

  erasures({ limit }: Params<'sync.erasures'>): Result<'sync.erasures'> {
    const { erasures, members, purgePending, logs, ownLog, authority } = this.#vault
    const own = logs.deviceOf(ownLog).device
    // One that was taken out is not waited for.
    const staying = members.list().filter(({ device }) => !authority.isTakenOut(device))
    const devices = staying.map(({ device, deviceDid }) => ({
      deviceDid,
      name: this.#devices.nameOf(deviceDid),
      purgedUpTo: erasures.purgedBy(deviceDid),
      own: Buffer.compare(device, own) === 0,
    }))
    const items = erasures.runs(limit).map((run) => {
      const log = logs.list(this.#vault.space).find(({ ref }) => ref === run.log)!
      const by = this.#didOf(log.device)
      const gone = (device: (typeof devices)[number]) =>
        device.own
          ? run.pending === 0 && !purgePending
          : (device.purgedUpTo.get(logName(log)) ?? 0) >= run.last
      return {
        id: `${run.log}:${run.first}`,
        at: run.at,
        deviceDid: by,
        name: this.#devices.nameOf(by),
        rows: run.rows,
        conversations: run.conversations,
        waitsUntil: run.pending > 0 ? (erasures.pendingUntil(run) ?? null) : null,
        devices: devices.map((device) => ({
          deviceDid: device.deviceDid,
          name: device.name,
          purged: gone(device),
        })),
      }
    })
    return { items, nextCursor: null }
  }

  /** @throws VivimError `NotFound`; `Conflict` when it does not wait, or this device erased it itself */
  confirmErasures({ id }: Params<'sync.erasures.confirm'>): Result<'sync.erasures.confirm'> {
    const { erasures, logs, ownLog } = this.#vault
    const run = erasures.runs(Number.MAX_SAFE_INTEGER).find(({ log, first }) => `${log}:${first}` === id)
    if (!run)
      throw new VivimError('NotFound', 'There is no such erasure.', {
        hint: '`vivimd sync erasures` lists them.',
      })
    const { device } = logs.deviceOf(run.log)
    if (run.pending === 0 || Buffer.compare(device, logs.deviceOf(ownLog).device) === 0)
      throw new VivimError('Conflict', 'That erasure does not wait for anybody here.')
    const until = erasures.lastOf(run)
    this.#vault.transact((tx) => {
      tx.write([
        {
          kind: 'UPDATE',
          entity: 'Device',
          key: this.#didOf(device),
          values: { erasures_confirmed: until },
        },
      ])
      erasures.makeDue(device, until)
    })
    this.#releaseHeld()
    return { id, rows: run.pending }
  }

  /** Values above the caller's level are masked, inside JSON columns too. */
  operations(
    { limit, cursor, since, tableName }: Params<'sync.operations'>,
    maxLevel: number,
  ): Result<'sync.operations'> {
    const table = tableName === undefined ? undefined : tableNumber(tableName)
    const after = cursor === undefined ? 0 : Number(decodeCursor(cursor, 1)[0])
    const sinceBytes = since === undefined ? undefined : stampBytes(since)
    const rows = this.#vault.all<{
      id: number
      log: number
      seq: number
      body: Uint8Array | null
    }>(
      `SELECT id, log, seq, body FROM sync_operations WHERE id > ?
       ${sinceBytes ? 'AND substr(body, 3, 16) > ?' : ''}
       ${table === undefined ? '' : 'AND hex(substr(body, 20, 1)) = ?'}
       ORDER BY id LIMIT ?`,
      [
        after,
        ...(sinceBytes ? [sinceBytes] : []),
        ...(table === undefined ? [] : [table.toString(16).toUpperCase().padStart(2, '0')]),
        limit + 1,
      ],
    )
    return pageOf(
      rows,
      limit,
      (row) => this.#show(row, maxLevel),
      (row) => [row.id],
    )
  }

  async verify(): Promise<Result<'sync.verify'>> {
    const { logs, space, did } = this.#vault
    const pace = createPace()
    const found = await verifySpace(this.#vault, logs, space, privateSpaceId(did), pace)
    const proofs = this.#vault.forks.badProofs(segmentFits).map(
      (where): Problem => ({
        kind: 'signature',
        where,
        message: 'The proof of the fork does not verify.',
      }),
    )
    const problems = [...found.problems, ...proofs, ...(await this.#contentProblems(pace))]
    return { ok: problems.length === 0, operations: found.operations, rows: found.rows, problems }
  }

  #show(
    row: { log: number; seq: number; body: Uint8Array | null },
    maxLevel: number,
  ): Result<'sync.operations'>['items'][number] {
    const { device } = this.#vault.logs.deviceOf(row.log)
    const base = {
      id: `${row.log}:${row.seq}`,
      authorDid: this.#vault.did,
      deviceDid: this.#didOf(device),
    }
    if (!row.body)
      return {
        ...base,
        hlcTimestamp: null,
        operation: 'HOLLOW',
        tableName: null,
        recordId: null,
        payload: null,
      }
    const operation = decodeOperation(row.body)
    const entity = ENTITY_BY_NUMBER.get(operation.table)
    return {
      ...base,
      hlcTimestamp: hlcToText(operation.hlc),
      operation: operation.kind,
      tableName: entity?.name ?? null,
      recordId:
        typeof operation.key === 'string' ? operation.key : Buffer.from(operation.key).toString('hex'),
      payload: this.showColumns(operation.columns, operation.table, maxLevel),
    }
  }

  /** By name, masked above the caller's level. */
  showColumns(
    columns: Operation['columns'],
    table: number,
    maxLevel: number,
  ): Record<string, string | number | null> {
    const entity = ENTITY_BY_NUMBER.get(table)
    const names = new Map(Object.entries(entity?.columns ?? {}).map(([name, { number }]) => [number, name]))
    return Object.fromEntries(
      [...columns].map(([column, value]) => {
        const name = names.get(column) ?? String(column)
        // An update of a text holds what was typed; nothing in it can be masked.
        if (value instanceof Uint8Array && maxLevel < 5 && entity?.columns[name]?.type === 'shared_text')
          return [name, `⟦${value.length} bytes⟧`]
        return [name, this.#plain(name, value, maxLevel)]
      }),
    )
  }

  #plain(name: string, value: Value, maxLevel: number): string | number | null {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
    if (typeof value === 'bigint') return value.toString()
    if (typeof value !== 'string' || maxLevel >= 5) return value
    const mask = (text: string) => this.#mask(text, maxLevel)
    return name.endsWith('_json') ? JSON.stringify(maskJson(JSON.parse(value), mask)) : mask(value)
  }
}

function stampBytes(text: string): Uint8Array {
  const stamp = hlcFromText(text)
  if (!stamp) throw new VivimError('InvalidParams', 'since is an hlcTimestamp.', { field: 'since' })
  return hlcToBytes(stamp)
}

function tableNumber(name: string): number {
  const entity = REPLICATED_ENTITIES.find((entity) => entity.name === name || entity.table === name)
  if (!entity)
    throw new VivimError('InvalidParams', 'There is no such replicated table.', {
      field: 'tableName',
      hint: `One of ${REPLICATED_ENTITIES.map(({ name }) => name).join(', ')}.`,
    })
  return entity.number
}
