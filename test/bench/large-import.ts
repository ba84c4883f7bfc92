import { rm } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { generateExport } from '../support/generate-export.ts'
import { TestNode } from '../support/test-node.ts'
import { type Measurement, quantile, timed } from './measurement.ts'
import { peakResidentMb, residentMb } from './resident.ts'

/** How often another user asks meanwhile. */
const OTHERS_EVERY_MS = 50

/** How long that user is watched before the import. */
const IDLE_MS = 15_000

/** Megabytes of the export: `VIVIM_BENCH_IMPORT_MB`, else these. 1000 takes ten minutes and 6 GB of disk. */
export function importMegabytes(usual: number): number {
  const given = process.env.VIVIM_BENCH_IMPORT_MB
  if (given === undefined) return usual
  const megabytes = Number(given)
  if (!Number.isInteger(megabytes) || megabytes < 1)
    throw new RangeError('VIVIM_BENCH_IMPORT_MB is a whole number of megabytes')
  return megabytes
}

/** A large ChatGPT export, until every message is stored; units follow in the background. Another user works on. */
export async function largeImport(megabytes: number): Promise<Measurement[]> {
  await using node = await TestNode.start()
  const { client } = await node.user()
  const { client: other } = await node.user('Bob')
  await other.call('capture.conversation', { conversation: small('before') })
  const path = join(node.folder, 'conversations.json')
  const before = residentMb(node.pid)
  await generateExport(path, { bytes: megabytes * 1e6, seed: 'bench' })
  // What the machine gives that user at this time without an import.
  const idle = await callsOf(other, AbortSignal.timeout(IDLE_MS))
  const done = new AbortController()
  const calls = callsOf(other, done.signal)
  const start = performance.now()
  const { report } = await client.call('capture.import', { path, wait: 'stored' }, { timeoutMs: 7_200_000 })
  const seconds = (performance.now() - start) / 1_000
  done.abort()
  const latencies = await calls
  const peak = peakResidentMb(node.pid)
  await rm(path)
  if (report?.state !== 'done' || report.errors.length > 0)
    throw new Error(`the import ended as ${report?.state} with ${report?.errors.length} errors`)
  const size = megabytes >= 1_000 ? `${Math.floor(megabytes / 1_000)}gb` : `${megabytes}mb`
  const note = `${megabytes} MB ChatGPT export, ${report.messages} messages stored in ${seconds.toFixed(0)} s`
  return [
    {
      name: `capture.import_${size}_peak_rss_mb`,
      value: peak,
      unit: 'MB',
      goal: megabytes >= 1_000 ? 512 : 400,
      better: 'lower',
      runs: 1,
      note: `of the whole node, ${before.toFixed(0)} before; ${note}`,
    },
    {
      name: 'capture.import_messages_per_s',
      value: report.messages / seconds,
      unit: 'ops/s',
      goal: null,
      better: 'higher',
      runs: 1,
      note: `durable, while units are made; ${note}`,
    },
    {
      name: 'capture.import_others_p99_ms',
      value: quantile(latencies, 0.99),
      unit: 'ms',
      goal: 50,
      better: 'lower',
      runs: latencies.length,
      note:
        `another user's reads and durable writes meanwhile; p50 ${quantile(latencies, 0.5).toFixed(1)}; just before, without ` +
        `an import: p99 ${quantile(idle, 0.99).toFixed(1)}, p50 ${quantile(idle, 0.5).toFixed(1)}; load ${loadavg()[0]!.toFixed(1)}`,
    },
  ]
}

type Client = Awaited<ReturnType<TestNode['client']>>

/** Milliseconds of each call of somebody who lists, and now and then writes, until the signal. */
async function callsOf(client: Client, signal: AbortSignal): Promise<number[]> {
  const latencies: number[] = []
  const { items } = await client.call('conversations.list', { limit: 1 })
  for (let call = 0; !signal.aborted; call++) {
    const write = call % 4 === 0
    latencies.push(
      await timed(() =>
        write
          ? client.call('conversations.tag', { id: items[0]!.id, add: [`tag ${call % 50}`] })
          : client.call('conversations.list', { limit: 20 }),
      ),
    )
    await pause(OTHERS_EVERY_MS)
  }
  return latencies
}

function small(id: string) {
  return {
    format: 'vivim.capture/1' as const,
    provider: 'bench',
    originalId: id,
    messages: [
      { role: 'user' as const, parts: [{ type: 'text' as const, content: 'The oven needs a test.' }] },
    ],
  }
}
