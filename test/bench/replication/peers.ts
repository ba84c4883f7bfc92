import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Measurement, median } from '../measurement.ts'

interface Peer {
  readonly name: string
  readonly packages: Readonly<Record<string, string>>
  /** What it does for an operation. */
  readonly does: string
  /** Rows of a run; fewer for those that would take minutes. */
  readonly rows: number
}

const PEERS: readonly Peer[] = [
  {
    name: 'cojson',
    packages: { cojson: '0.20.19' },
    does: 'signs runs of changes (Ed25519, checked in WebAssembly), encrypts values, stores nothing: in memory',
    rows: 10_000,
  },
  {
    name: 'yjs',
    packages: { yjs: '13.6.33' },
    does: 'signs nothing, encrypts nothing, stores nothing: in memory',
    rows: 20_000,
  },
  {
    name: 'orbitdb',
    // it-drain is what the package needs and does not name.
    packages: { '@orbitdb/core': '4.0.0', 'it-drain': '3.0.12' },
    does: 'signs every entry (secp256k1), encrypts nothing, stores in Level; log and heads, without network and view',
    rows: 1_000,
  },
]

const INSTALL_MS = 180_000
const RUN_MS = 180_000
const WARM_UPS = 2
const KEPT_LINES = 3

/**
 * What others reach with the same rows in the same run, each in a process of its own. Their packages are installed
 * into a folder that is gone afterwards; where there is no registry there is no figure.
 */
export function measurePeers(runs: number, quick: boolean): Measurement[] {
  const folder = mkdtempSync(join(tmpdir(), 'vivim-peers-'))
  try {
    cpSync(new URL('../peers', import.meta.url), folder, { recursive: true })
    return PEERS.map((peer) => measure(folder, peer, runs, quick ? peer.rows / 5 : peer.rows))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function measure(folder: string, { name, packages, does }: Peer, runs: number, rows: number): Measurement {
  const measurement = {
    name: `peer.${name}.apply_ops_per_s`,
    unit: 'ops/s',
    goal: null,
    better: 'higher',
  } as const
  const versions = Object.entries(packages).map(([key, version]) => `${key}@${version}`)
  try {
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ private: true, type: 'module', dependencies: packages }),
    )
    run(
      'npm',
      ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      folder,
      INSTALL_MS,
    )
    const counts = new Array<string>(WARM_UPS + runs).fill(String(rows))
    const lines = run(
      process.execPath,
      ['--expose-gc', join(folder, `${name}.ts`), ...counts],
      folder,
      RUN_MS,
    )
    const rates = lines
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { rate: number }).rate)
      .slice(WARM_UPS)
    const each = rates.map((rate) => (rate / 1_000).toPrecision(3)).join(', ')
    const note = `${versions.join(', ')}: ${does}; ${rows} rows; each run: ${each} k/s`
    return { ...measurement, value: median(rates), runs: rates.length, note }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return {
      ...measurement,
      value: null,
      runs: 0,
      note: `${versions.join(', ')} could not be measured: ${why}`,
    }
  }
}

/** @throws with the last lines the program wrote */
function run(program: string, args: readonly string[], cwd: string, timeout: number): string {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    timeout,
    encoding: 'utf8',
  })
  if (error) throw error
  if (status !== 0)
    throw new Error(
      `${signal ?? `status ${status}`}: ${stderr.trim().split('\n').slice(-KEPT_LINES).join(' ')}`,
    )
  return stdout
}
