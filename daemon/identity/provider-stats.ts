import type { KeyObject } from 'node:crypto'
import type { Cbor } from '../../crdt/cbor.ts'
import { LIMITS } from '../../schema/limits.ts'
import { decodeDid, encodeDid, isDid } from './did.ts'
import { publicKeyBytes } from './ed25519.ts'
import { isCount, issueStatement, readStatement } from './signed-statement.ts'

const DOMAIN = 'vivimd/provider-stats/1'
const NAME = /^[a-z0-9][a-z0-9-]{0,39}$/
const COUNTS = ['attempts', 'created', 'updated', 'unchanged', 'failed'] as const

/** How often something was captured from a provider, and how that went. */
export type ProviderCounts = { readonly provider: string } & Readonly<Record<(typeof COUNTS)[number], number>>

/** What a node says of all its users together: counts, and nothing of what was captured, by whom or from where. */
export interface ProviderStats {
  /** Of the node's own key; of no person. */
  readonly did: string
  /** Of two the higher counts; milliseconds UTC of when it was made. */
  readonly sequence: number
  /** By name of the provider. */
  readonly counts: readonly ProviderCounts[]
}

/** Canonical CBOR [statement, signature of the node]. */
export function issueProviderStats(
  nodeKey: KeyObject,
  { sequence, counts }: Pick<ProviderStats, 'sequence' | 'counts'>,
): Uint8Array {
  const rows = counts.map((each): Cbor => [each.provider, ...COUNTS.map((name) => each[name])])
  return issueStatement(nodeKey, DOMAIN, [encodeDid(publicKeyBytes(nodeKey)), sequence, rows])
}

/** Undefined unless the node signed it and it holds counts of distinct names, and nothing else. */
export function readProviderStats(bytes: Uint8Array): ProviderStats | undefined {
  const statement = readStatement(bytes, DOMAIN, 3)
  const [did, sequence, rows] = statement?.fields ?? []
  if (typeof did !== 'string' || !isDid(did) || !isCount(sequence) || !Array.isArray(rows)) return undefined
  if (rows.length > LIMITS.statsProviders) return undefined
  const counts = (rows as readonly Cbor[]).map(readRow)
  if (!counts.every((row) => row !== undefined)) return undefined
  if (new Set(counts.map(({ provider }) => provider)).size < counts.length) return undefined
  return statement?.isSignedBy(decodeDid(did)) ? { did, sequence, counts } : undefined
}

function readRow(row: Cbor): ProviderCounts | undefined {
  if (!Array.isArray(row) || row.length !== COUNTS.length + 1) return undefined
  const [provider, ...numbers] = row as readonly Cbor[]
  if (typeof provider !== 'string' || !NAME.test(provider)) return undefined
  if (!numbers.every((number) => isCount(number) && number <= LIMITS.statsCount)) return undefined
  const [attempts = 0, created = 0, updated = 0, unchanged = 0, failed = 0] = numbers as number[]
  return { provider, attempts, created, updated, unchanged, failed }
}
