import { decode } from 'cborg'
import { ENTITY_BY_NAME } from '../../schema/entities/index.ts'
import { KIND, type PlacedOperation, type ReferenceState, stateOf } from '../support/reference-state.ts'

/** A log as it was written, whatever became of it. */
export interface WrittenLog {
  /** Public key and DID of its device. */
  readonly device: Uint8Array
  readonly did: string
  readonly operations: readonly PlacedOperation[]
  /** Nobody has anything of it any more. */
  readonly isLeft: boolean
}

interface Floor {
  readonly key: string
  readonly before: number
  /** By log: how far it was held, and whether it ends there. */
  readonly positions: ReadonlyMap<string, { readonly sequence: number; readonly closed: boolean }>
  /** When the last device that had to keep to it said that it does. */
  readonly last: PlacedOperation['read']
}

const FLOOR = ENTITY_BY_NAME.get('Floor')!
const DEVICE = ENTITY_BY_NAME.get('Device')!
const TOMBSTONE = 0

/** What a set of logs comes to where devices agreed on forgetting what was deleted long ago. */
export interface AfterFloors {
  /** How many hold. */
  readonly floors: number
  readonly counting: readonly PlacedOperation[]
  /** Written by a device that was away, after its log had ended for the others. */
  readonly unheard: readonly PlacedOperation[]
  /** Rows that were forgotten, as `table key`. */
  readonly forgotten: ReadonlySet<string>
}

/**
 * A second implementation of floors: a floor holds when each device it names said so in its own log. Logs end where it
 * says; a row that was deleted before it, and before its positions, loses all that was written up to the moment when
 * the last device kept to it.
 */
export function afterFloors(logs: readonly WrittenLog[], spaceSecret: Uint8Array): AfterFloors {
  const floors = floorsThatHold(logs)
  const unheard: PlacedOperation[] = []
  let counting: { operation: PlacedOperation; name: string; sequence: number }[] = []
  for (const { operations, isLeft } of logs) {
    const [first] = operations
    if (!first) continue
    const name = nameOf(first.device, first.log.incarnation)
    const end = Math.min(
      isLeft ? 0 : Number.POSITIVE_INFINITY,
      ...floors.flatMap(({ positions }) => {
        const position = positions.get(name)
        return position?.closed ? [position.sequence] : []
      }),
    )
    unheard.push(...operations.slice(end))
    counting.push(
      ...operations.slice(0, end).map((operation, index) => ({ operation, name, sequence: index + 1 })),
    )
  }
  const forgotten = new Set<string>()
  for (const { before, positions, last } of floors) {
    const until = counting.filter(({ operation }) => !isAfter(operation.read, last))
    const places = new Map(until.map(({ operation, ...place }) => [operation, place]))
    const { rows } = stateOf(
      until.map(({ operation }) => operation),
      spaceSecret,
    )
    const gone = new Set(
      rows.flatMap(({ table, key, cells }) => {
        const tombstone = cells.get(TOMBSTONE)
        if (tombstone?.value !== 1 || tombstone.write.read.ms > before) return []
        const { name, sequence } = places.get(tombstone.write)!
        return sequence <= (positions.get(name)?.sequence ?? 0) ? [`${table} ${key}`] : []
      }),
    )
    for (const row of gone) forgotten.add(row)
    counting = counting.filter(
      ({ operation: { read } }) => !gone.has(`${read.table} ${String(read.key)}`) || isAfter(read, last),
    )
  }
  return { floors: floors.length, counting: counting.map(({ operation }) => operation), unheard, forgotten }
}

function floorsThatHold(logs: readonly WrittenLog[]): Floor[] {
  const all = logs.flatMap(({ operations }) => operations)
  const proposals = all.filter(({ read }) => read.table === FLOOR.number && read.kind === KIND.INSERT)
  return proposals
    .flatMap(({ read }): Floor[] => {
      const key = String(read.key)
      const terms = read.columns.get(FLOOR.columns.terms!.number) as Uint8Array
      const [positions, devices] = decode(terms) as [
        [Uint8Array, Uint8Array, number, Uint8Array, boolean][],
        Uint8Array[],
      ]
      const words = devices.map((device) => keepsTo(logs, device, key))
      const last = words.reduce((a, b) => (a && b && isAfter(b, a) ? b : a && b && a))
      if (!last) return []
      return [
        {
          key,
          before: Number(read.columns.get(FLOOR.columns.before!.number)),
          positions: new Map(
            positions.map(([device, incarnation, sequence, , closed]) => [
              nameOf(device, incarnation),
              { sequence, closed },
            ]),
          ),
          last,
        },
      ]
    })
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** What the device itself said; others' words of it are nothing. */
function keepsTo(
  logs: readonly WrittenLog[],
  device: Uint8Array,
  key: string,
): PlacedOperation['read'] | undefined {
  return logs
    .filter((log) => Buffer.compare(log.device, device) === 0)
    .flatMap(({ did, operations }) =>
      operations.filter(
        ({ read }) =>
          read.table === DEVICE.number &&
          read.key === did &&
          read.columns.get(DEVICE.columns.floor!.number) === key,
      ),
    )[0]?.read
}

/**
 * What a device that was away wrote must stand in what all show now, or wait for its owner: answers the rows, as
 * `table key`, of which neither is so. What was written later, or erased, may stand there instead.
 */
export function lostWork(
  { unheard }: AfterFloors,
  { rows, erased }: ReferenceState,
  recovered: ReadonlySet<string>,
  markerOf: (table: number, key: string) => string,
): string[] {
  const present = new Map(rows.map((row) => [`${row.table} ${row.key}`, row]))
  const gone = new Set(erased.map(({ table, marker }) => `${table} ${Buffer.from(marker).toString('hex')}`))
  const deleted = new Map<string, boolean>()
  for (const { read } of unheard)
    if (read.kind === KIND.DELETE || read.kind === KIND.UNDELETE)
      deleted.set(`${read.table} ${String(read.key)}`, read.kind === KIND.DELETE)
  const lost = unheard.flatMap(({ read }) => {
    const { table, key, kind, columns } = read
    if (typeof key !== 'string' || table === DEVICE.number || table === FLOOR.number) return []
    const name = `${table} ${key}`
    if (kind === KIND.DELETE || kind === KIND.UNDELETE || deleted.get(name) || columns.size === 0) return []
    if (recovered.has(name) || gone.has(`${table} ${markerOf(table, key)}`)) return []
    const row = present.get(name)
    if (!row) return [name]
    if (kind !== KIND.INSERT && kind !== KIND.UPDATE) return []
    const told = [...columns.keys()].every((column) => {
      const cell = row.cells.get(column)
      return cell && !isAfter(read, cell.write.read)
    })
    return told ? [] : [name]
  })
  return [...new Set(lost)]
}

function isAfter(a: PlacedOperation['read'], b: PlacedOperation['read']): boolean {
  return a.ms > b.ms || (a.ms === b.ms && a.counter > b.counter)
}

function nameOf(device: Uint8Array, incarnation: Uint8Array): string {
  return Buffer.concat([device, incarnation]).toString('hex')
}
