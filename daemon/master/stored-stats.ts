import type { Result } from '../../schema/methods/index.ts'
import type { ProviderStats } from '../identity/provider-stats.ts'
import type { Query } from './database.ts'

/** Puts the counts of a record in the place of those that the node told before. */
export async function storeStats(query: Query, { did, counts }: ProviderStats): Promise<void> {
  await query('DELETE FROM provider_stats WHERE did = $1', [did])
  for (const { provider, attempts, created, updated, unchanged, failed } of counts)
    await query('INSERT INTO provider_stats VALUES ($1, $2, $3, $4, $5, $6, $7)', [
      ...[did, provider, attempts, created],
      ...[updated, unchanged, failed],
    ])
}

const SUMS = `
SELECT provider, count(*) AS nodes, sum(attempts) AS attempts, sum(created) AS created, sum(updated) AS updated,
  sum(unchanged) AS unchanged, sum(failed) AS failed
FROM provider_stats GROUP BY provider ORDER BY 3 DESC, 1`

/** Over all nodes, the most used first. */
export async function sumOfStats(query: Query): Promise<Result<'master.providerStats'>['items']> {
  const { rows } = await query(SUMS, [])
  return rows.map(({ provider, ...sums }) => ({ provider: String(provider), ...numbersOf(sums) }))
}

type Sums = Omit<Result<'master.providerStats'>['items'][number], 'provider'>

function numbersOf(sums: Readonly<Record<string, unknown>>): Sums {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, Number(sum)])) as Sums
}
