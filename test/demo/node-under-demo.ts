import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Client, connect } from '../../rpc/client/index.ts'
import { VIVIMD } from '../support/repository.ts'
import { end, isAlive, processesOf } from './processes.ts'

const COMMAND_MS = 60_000

/** The real command, in a home of its own below the demo's folder. */
export class NodeUnderDemo {
  /** What it is called on the stage; its home has the same name. */
  readonly name: string
  readonly home: string
  socket = ''
  /** The running process; 0 before the first start. */
  pid = 0
  readonly #folder: string
  readonly #children = new Set<ChildProcess>()
  readonly #clients = new Set<Client>()

  constructor(folder: string, name: string) {
    this.name = name
    this.#folder = folder
    this.home = join(folder, name)
  }

  /** Runs `vivimd …` and answers its output; a failure throws with its one line. */
  async run(...args: string[]): Promise<string> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VIVIM'))
    const child = spawn(process.execPath, [VIVIMD, ...args], {
      cwd: this.#folder,
      // The nodes of the demo talk to each other and to nobody else. The compile cache goes away with the rest.
      env: {
        ...Object.fromEntries(inherited),
        VIVIM_HOME: this.home,
        VIVIM_LISTEN: '/ip4/127.0.0.1/tcp/0',
        XDG_CACHE_HOME: join(this.#folder, 'cache'),
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

  /** Sets the home up; it is not announced on the local network. */
  async init<T>(...args: string[]): Promise<T> {
    const result = await this.json<T>('init', ...args, '--non-interactive')
    await this.run('config', 'set', 'network.mdns', 'false')
    return result
  }

  async start(): Promise<{ pid: number; readyMs: number }> {
    const started = await this.json<{ pid: number; readyMs: number; socket: string }>('start')
    this.pid = started.pid
    this.socket = started.socket
    return started
  }

  /** A connection; signed in when a user is named. */
  async connect(did?: string): Promise<Client> {
    const client = await connect({ socket: this.socket })
    this.#clients.add(client)
    if (did !== undefined) await client.login({ did })
    return client
  }

  async closeClients(): Promise<void> {
    for (const client of this.#clients) await client.close().catch(() => {})
    this.#clients.clear()
  }

  /** Ends everything that was started over this home. Its files go with the demo's folder. */
  async dispose(): Promise<void> {
    await this.closeClients()
    for (const child of this.#children) child.kill('SIGKILL')
    // The node first: it brings back what it watches over.
    for (const pid of this.#nodePids()) await end(pid)
    for (const pid of processesOf(this.home)) await end(pid)
    if (this.socket && !this.socket.startsWith(this.home))
      rmSync(dirname(this.socket), { recursive: true, force: true })
  }

  /** What an orderly stop left: processes of this home, its socket. Empty when all is well. */
  leftovers(): string[] {
    const processes = processesOf(this.home).map((pid) => `process ${pid} of ${this.name}`)
    return existsSync(this.socket) ? [...processes, `the socket of ${this.name}`] : processes
  }

  /** Also of one whose start was cut off before it told its pid. */
  #nodePids(): number[] {
    const pids = new Set([this.pid])
    try {
      pids.add((JSON.parse(readFileSync(join(this.home, 'run/lock.json'), 'utf8')) as { pid: number }).pid)
    } catch {}
    return [...pids].filter((pid) => pid > 1 && isAlive(pid))
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
