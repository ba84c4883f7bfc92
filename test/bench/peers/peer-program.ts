import { randomBytes } from 'node:crypto'

/** The rows that every system under comparison is given: a title, 95 bytes of body, a time. One operation each. */
export interface PeerRow {
  readonly id: string
  readonly title: string
  readonly body: string
  readonly updated: number
}

export function peerRows(count: number): PeerRow[] {
  return Array.from({ length: count }, (_, n) => ({
    id: `row-${n}`,
    title: `Row ${n}`,
    body: randomBytes(72).toString('base64').slice(0, 95),
    updated: 1_700_000_000_000 + n,
  }))
}

/** Loads a package of the folder this program was copied to. Its types are not here, and it may be absent. */
// biome-ignore lint/suspicious/noExplicitAny: packages that are no dependency of this one
export async function installed(name: string): Promise<any> {
  return await import(name)
}

/**
 * Measures once for each number of rows in the arguments, the first time to warm up, and prints operations per second
 * as a line of JSON each.
 */
export async function runPeer(measure: (rows: readonly PeerRow[]) => Promise<number>): Promise<void> {
  for (const count of process.argv.slice(2)) {
    const rows = peerRows(Number(count))
    globalThis.gc?.()
    console.log(JSON.stringify({ rate: (rows.length / (await measure(rows))) * 1_000 }))
  }
  process.exit(0)
}
