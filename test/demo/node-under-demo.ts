import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Client, connect } from '../../rpc/client/index.ts'
import { VIVIMD } from '../support/repository.ts'

const COMMAND_MS = 60_000
/** A home below a longer folder could not hold its socket. */
const BASE_LENGTH = 60

/** The real command, in a home of its own that is gone at the end, whatever happens. */
export class NodeUnderDemo {
  readonly folder = mkdtempSync(join(tmpdir().length > BASE_LENGTH ? '/tmp' : tmpdir(), 'vivimd-demo-'))
  readonly home = join(this.folder, 'home')
  socket = ''
  readonly #children = new Set<ChildProcess>()
  readonly #clients = new Set<Client>()
  readonly #nodePids = new Set<number>()

  /** Runs `vivimd …` and answers its output; a failure throws with its one line. */
  async run(...args: string[]): Promise<string> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VIVIM'))
    const child = spawn(process.execPath, [VIVIMD, ...args], {
      cwd: this.folder,
      // The compile cache goes away with the rest.
      env: {
        ...Object.fromEntries(inherited),
        VIVIM_HOME: this.home,
        XDG_CACHE_HOME: join(this.folder, 'cache'),
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_MS,
    })
    this.#children.add(child)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    // `exit`, not `close`: a node started in the background must not keep its starter's output open, nor us waiting.
    const code = await new Promise<number | string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (status, signal) => setImmediate(() => resolve(status ?? signal ?? 'unknown')))
    })
    this.#children.delete(child)
    if (code !== 0) throw new Error(`vivimd ${args[0]} ended with ${code}: ${failureOf(stdout, stderr)}`)
    return stdout
  }

  /** The same with `--json`, parsed. */
  async json<T>(...args: string[]): Promise<T> {
    const text = await this.run(...args, '--json')
    try {
      return JSON.parse(text) as T
    } catch {
      throw new Error(`vivimd ${args[0]} --json printed no JSON: ${text.slice(0, 80)}`)
    }
  }

  async start(): Promise<{ pid: number; readyMs: number }> {
    const started = await this.json<{ pid: number; readyMs: number; socket: string }>('start')
    this.#nodePids.add(started.pid)
    this.socket = started.socket
    return started
  }

  async connect(did: string): Promise<Client> {
    const client = await connect({ socket: this.socket })
    this.#clients.add(client)
    await client.login({ did })
    return client
  }

  async closeClients(): Promise<void> {
    for (const client of this.#clients) await client.close().catch(() => {})
    this.#clients.clear()
  }

  /** Ends everything this demo started and removes its files. */
  async dispose(): Promise<void> {
    await this.closeClients()
    for (const child of this.#children) child.kill('SIGKILL')
    for (const pid of this.#pidsToEnd()) await end(pid)
    rmSync(this.folder, { recursive: true, force: true })
    if (this.socket && !this.socket.startsWith(this.folder))
      rmSync(dirname(this.socket), { recursive: true, force: true })
  }

  /** What an orderly stop left: processes of this home, its socket. Empty when all is well. */
  leftovers(): string[] {
    const processes = processesOf(this.home).map((pid) => `process ${pid}`)
    return existsSync(this.socket) ? [...processes, 'a socket'] : processes
  }

  #pidsToEnd(): number[] {
    const pids = new Set([...this.#nodePids, ...processesOf(this.home)])
    try {
      pids.add((JSON.parse(readFileSync(join(this.home, 'run/lock.json'), 'utf8')) as { pid: number }).pid)
    } catch {}
    return [...pids].filter(isAlive)
  }
}

/** The one line of a failed command: its standard error, or the message of what `--json` printed. */
function failureOf(stdout: string, stderr: string): string {
  try {
    return (JSON.parse(stdout) as { error: { message: string } }).error.message
  } catch {
    return (stderr || stdout).trim().split('\n')[0] ?? ''
  }
}

/** Processes whose environment or command line names the home; Linux tells, elsewhere the list is empty. */
function processesOf(home: string): number[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['environ', 'cmdline'].some((file) => readQuietly(`/proc/${pid}/${file}`).includes(home)),
    )
    .map(Number)
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function end(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM')
    for (let waited = 0; waited < 5_000 && isAlive(pid); waited += 50) await pause(50)
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  } catch {}
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
