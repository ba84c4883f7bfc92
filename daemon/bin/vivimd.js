#!/usr/bin/env node
// Plain JavaScript for Node 20 and newer: finds the runtime the rest needs, and runs it there.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { homedir } from 'node:os'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = 24
const stub = realpathSync(fileURLToPath(import.meta.url))
const root = dirname(dirname(dirname(stub)))

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  startFrugally()
  await runHere()
} else runOn(packagedRuntime())

async function runHere() {
  // In a folder of this account: others could write to one in /tmp.
  const caches = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  nodeModule.enableCompileCache?.(join(caches, 'vivim', 'compile'))
  const { main } = await import(pathToFileURL(entry()).href)
  process.exitCode = await main(process.argv.slice(2), stub)
}

/**
 * What a node takes it keeps for days, and some of that only a process's start decides: it starts again in its place.
 * Measured while 30 MB are imported: 90 MB less.
 * - One arena for all threads: in one of its own, what a thread once took stays resident.
 * - A fixed mmap threshold: the one that adapts leaves large buffers on the heap, which then cannot shrink.
 * - A small young generation: its two halves are resident once they were filled, 16 MB each by default.
 * - An old generation that is collected when it has grown by half, not when it is four times what was in use.
 * - The collector can be called, for threads of users that fall idle.
 */
function startFrugally() {
  const isNode = process.argv[2] === 'start' && process.argv.includes('--foreground')
  const flag = '--max-semi-space-size'
  if (!isNode || process.execArgv.some((given) => given.startsWith(flag))) return
  if (!process.execve || process.platform === 'win32') return
  const allocator = {
    MALLOC_ARENA_MAX: '1',
    MALLOC_MMAP_THRESHOLD_: '131072',
    MALLOC_TRIM_THRESHOLD_: '131072',
  }
  process.execve(
    process.execPath,
    [
      process.execPath,
      `${flag}=4`,
      '--heap-growing-percent=50',
      '--expose-gc',
      ...process.execArgv,
      stub,
      ...process.argv.slice(2),
    ],
    { ...allocator, ...process.env },
  )
}

/** The source wherever it runs: a stale build must not win. Node strips no types inside node_modules. */
function entry() {
  const source = join(root, 'daemon', 'main.ts')
  const installed = root.split(sep).includes('node_modules')
  return existsSync(source) && !installed ? source : join(root, 'dist', 'daemon', 'main.js')
}

/** The binary of the npm package `node`, beside this package or above it. */
function packagedRuntime() {
  if (process.env.VIVIMD_RUNTIME_FOUND) return undefined
  try {
    const manifest = nodeModule.createRequire(stub).resolve('node/package.json')
    const binary = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
    return existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

function runOn(binary) {
  if (binary === undefined) missing()
  // Set for one step: a runtime that turns out to be too old must not look for itself again.
  const child = spawn(binary, [stub, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, VIVIMD_RUNTIME_FOUND: '1' },
  })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']
  const forwarded = signals.map((signal) => {
    // A terminal sends its signals to both; the child decides what they mean.
    const forward = () => void (fromTerminal(signal) || child.kill(signal))
    process.on(signal, forward)
    return () => process.off(signal, forward)
  })
  child.on('error', missing)
  child.on('exit', (code, signal) => {
    for (const remove of forwarded) remove()
    if (signal === null) process.exitCode = code ?? 1
    else process.kill(process.pid, signal)
  })
}

function fromTerminal(signal) {
  return (signal === 'SIGINT' || signal === 'SIGQUIT') && process.stdin.isTTY === true
}

function missing() {
  const remedy = existsSync(join(root, 'node_modules', 'node', 'package.json'))
    ? 'run `npm rebuild node`'
    : 'install it, or run `npm install`'
  console.error(`vivimd: Node ${NEEDED} or newer is needed, this is ${process.versions.node}: ${remedy}.`)
  process.exit(1)
}
