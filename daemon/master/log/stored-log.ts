import type { Query } from '../database.ts'
import type { Inclusion } from '../registry.ts'
import {
  consistencyRanges,
  inclusionRanges,
  innerHash,
  type LeafRange,
  rangeHash,
  rootOf,
  type Subtree,
  subtreesCompletedBy,
  subtreesOf,
} from './merkle-tree.ts'

/** The log as its table says it is. */
export interface LogState {
  /** 0: it was never begun. */
  readonly generation: number
  readonly size: number
}

/** Rows in one statement: PostgreSQL takes 65,535 values. */
const ROWS = 2_000

/** Where the log is; with `hold` nobody else adds to it until the transaction ends. */
export async function readState(query: Query, hold = false): Promise<LogState> {
  const { rows } = await query(`SELECT generation, size FROM registry_head${hold ? ' FOR UPDATE' : ''}`, [])
  return { generation: Number(rows[0]?.generation ?? 0), size: Number(rows[0]?.size ?? 0) }
}

/** Adds leaves behind the others; the state must be held. */
export async function append(
  query: Query,
  { generation, size }: LogState,
  leaves: readonly Uint8Array[],
): Promise<LogState> {
  const known = await load(query, subtreesOf({ begin: 0, end: size }))
  const fresh: (Subtree & { readonly hash: Uint8Array })[] = []
  for (const [offset, leaf] of leaves.entries()) {
    let hash = leaf
    for (const subtree of subtreesCompletedBy(size + offset)) {
      if (subtree.level > 0)
        hash = innerHash(
          known.get(nameOf({ level: subtree.level - 1, position: 2 * subtree.position }))!,
          hash,
        )
      known.set(nameOf(subtree), hash)
      fresh.push({ ...subtree, hash })
    }
  }
  for (let at = 0; at < fresh.length; at += ROWS) await insert(query, fresh.slice(at, at + ROWS))
  const after = { generation, size: size + leaves.length }
  await query('UPDATE registry_head SET generation = $1, size = $2', [after.generation, after.size])
  return after
}

/** Forgets the log; what is added next is of that generation. */
export async function beginGeneration(query: Query, generation: number): Promise<LogState> {
  await query('DELETE FROM registry_log', [])
  await query('UPDATE registry_head SET generation = $1, size = 0', [generation])
  return { generation, size: 0 }
}

/** The root at a size, that an earlier size is its beginning, and where leaves are. */
export async function prove(
  query: Query,
  size: number,
  first: number | undefined,
  leaves: readonly Uint8Array[],
): Promise<{ root: Uint8Array; consistency: Uint8Array[] | null; inclusions: (Inclusion | null)[] }> {
  const indexes = await indexesOf(query, leaves, size)
  const steady = first === undefined || first > size ? null : consistencyRanges(first, size)
  const paths = indexes.map((index) => (index === undefined ? undefined : inclusionRanges(index, size)))
  const ranges: LeafRange[] = [
    { begin: 0, end: size },
    ...(steady ?? []),
    ...paths.flatMap((path) => path ?? []),
  ]
  const known = await load(query, ranges.flatMap(subtreesOf))
  const hashOf = (subtree: Subtree) => {
    const hash = known.get(nameOf(subtree))
    // Somebody began the log anew meanwhile, or removed rows of it.
    if (!hash) throw new Error('the log of the registry has a gap')
    return hash
  }
  const hashes = (list: readonly LeafRange[]) => list.map((range) => rangeHash(range, hashOf))
  return {
    root: rootOf(size, hashOf),
    consistency: steady && hashes(steady),
    inclusions: paths.map((path, n) => (path ? { index: indexes[n]!, path: hashes(path) } : null)),
  }
}

async function indexesOf(
  query: Query,
  leaves: readonly Uint8Array[],
  size: number,
): Promise<(number | undefined)[]> {
  if (leaves.length === 0) return []
  const marks = leaves.map((_, n) => `$${n + 2}`).join(', ')
  const { rows } = await query(
    `SELECT position, hash FROM registry_log WHERE level = 0 AND position < $1 AND hash IN (${marks})`,
    [size, ...leaves.map((leaf) => Buffer.from(leaf))],
  )
  const found = new Map(rows.map(({ position, hash }) => [textOf(hash as Uint8Array), Number(position)]))
  return leaves.map((leaf) => found.get(textOf(leaf)))
}

async function load(query: Query, subtrees: readonly Subtree[]): Promise<Map<string, Uint8Array>> {
  const known = new Map<string, Uint8Array>()
  const wanted = [...new Map(subtrees.map((subtree) => [nameOf(subtree), subtree])).values()]
  for (let at = 0; at < wanted.length; at += ROWS) {
    const part = wanted.slice(at, at + ROWS)
    const marks = part.map((_, n) => `(CAST($${2 * n + 1} AS SMALLINT), CAST($${2 * n + 2} AS BIGINT))`)
    const { rows } = await query(
      `SELECT level, position, hash FROM registry_log WHERE (level, position) IN (${marks.join(', ')})`,
      part.flatMap(({ level, position }) => [level, position]),
    )
    for (const { level, position, hash } of rows)
      known.set(
        nameOf({ level: Number(level), position: Number(position) }),
        new Uint8Array(hash as Uint8Array),
      )
  }
  return known
}

async function insert(
  query: Query,
  nodes: readonly (Subtree & { readonly hash: Uint8Array })[],
): Promise<void> {
  const marks = nodes.map((_, n) => `($${3 * n + 1}, $${3 * n + 2}, $${3 * n + 3})`)
  await query(
    `INSERT INTO registry_log (level, position, hash) VALUES ${marks.join(', ')}`,
    nodes.flatMap(({ level, position, hash }) => [level, position, Buffer.from(hash)]),
  )
}

function nameOf({ level, position }: Subtree): string {
  return `${level}/${position}`
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
