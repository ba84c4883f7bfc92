import { statSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { type Measurement, median } from '../measurement.ts'
import { conversation, message, payloadBytes, type RowMaker, shippedBy, tag, writeRows } from './rows.ts'

const random = seededRandom('replication')

/** Verify, authorise, merge and commit, as the worker of a user does for another device of theirs. */
export async function applying(operations: number, runs: number): Promise<Measurement[]> {
  // The first ones are warm-up: a worker that is new runs at some two thirds of this.
  for (let run = 0; run < 2; run++) await taken(operations, message)
  const measured: Taken[] = []
  for (let run = 0; run < runs; run++) measured.push(await taken(operations, message))
  const tags = await taken(operations, tag)
  const conversations = await taken(operations, conversation)
  const { payload, file, shipped } = measured.at(-1)!
  const thousands = ({ rate }: Taken) => (rate / 1_000).toFixed(1)
  const each = (bytes: number) => `${(bytes / operations).toFixed(0)} B`
  return [
    {
      name: 'replication.apply_ops_per_s',
      value: median(measured.map(({ rate }) => rate)),
      unit: 'ops/s',
      goal: 60_000,
      better: 'higher',
      runs,
      note:
        `${operations} messages, each a new row of 95 B of body; a signature per 256, a hash chain over all; operation and row ` +
        `stored, durable per ${LIMITS.syncApplyBytes / 1024} KiB; ${each(shipped)} shipped per operation; each run: ` +
        `${measured.map(thousands).join(', ')} k/s; tags ${thousands(tags)}, conversations ${thousands(conversations)} k/s`,
    },
    {
      name: 'replication.storage_ratio',
      value: file / payload,
      unit: 'ratio',
      goal: 1.6,
      better: 'lower',
      runs,
      note: `file of ${operations} operations and their rows (${each(file)} each) to the encoded operations (${each(payload)}), before compaction`,
    },
  ]
}

interface Taken {
  /** Operations per second. */
  readonly rate: number
  /** Bytes: of the segments, of the operations in them, of the file afterwards. */
  readonly shipped: number
  readonly payload: number
  readonly file: number
}

async function taken(operations: number, make: RowMaker): Promise<Taken> {
  using pair = pairedVaults(2)
  const [from, to] = pair.vaults as [PairedVault, PairedVault]
  const empty = sizeOf(to)
  writeRows(from, random, operations, { make })
  const batches = shippedBy(from)
  // What was written before is on the disk and out of the way.
  await pause(100)
  let applied = 0
  const start = performance.now()
  for (const segments of batches) applied += to.replica.apply({ segments }).operations
  const seconds = (performance.now() - start) / 1_000
  if (applied !== operations) throw new Error(`${applied} of ${operations} operations were applied`)
  const shipped = batches.flat().reduce((sum, { length }) => sum + length, 0)
  return { rate: applied / seconds, shipped, payload: payloadBytes(to), file: sizeOf(to) - empty }
}

function sizeOf({ vault, path }: PairedVault): number {
  vault.database.checkpoint()
  return statSync(path).size
}
