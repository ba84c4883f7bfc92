import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, connect } from '../../rpc/client/index.ts'
import { REPOSITORY, VIVIMD } from './repository.ts'

export interface TestNodeOptions {
  /** Added to the node's environment; undefined takes a variable out. */
  env?: Record<string, string | undefined>
  /** Who runs it, where the tests are run by root. */
  as?: { uid: number; gid: number }
  /** The command to run in place of this checkout's, and the runtime: for somebody who cannot read these. */
  program?: { vivimd: string; node: string }
  /** More for `init`. */
  init?: readonly string[]
  /** Milliseconds a start, stop or exit may take before it counts as a failure. */
  deadlineMs?: number
}

export interface CommandResult {
  status: number
  stdout: string
  stderr: string
}

/**
 * A real `vivimd` process over a home of its own, for end-to-end tests.
 * Use it with `await using`, or call `dispose`: whatever happened, no process and no file is left.
 */
export class TestNode implements AsyncDisposable {
  /** The folder everything lives in, 0700. */
  readonly folder: string
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly #deadlineMs: number
  readonly #as: { uid: number; gid: number } | undefined
  readonly #program: { vivimd: string; node: string }
  readonly #clients = new Set<Client>()
  #socket: string | undefined
  #process: ChildProcess | undefined
  #output = ''

  private constructor({ env = {}, as, program, deadlineMs = 30_000 }: TestNodeOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'vivimd-test-'))
    if (as) chownSync(this.folder, as.uid, as.gid)
    this.home = join(this.folder, 'home')
    this.#deadlineMs = deadlineMs
    this.#as = as
    this.#program = program ?? { vivimd: VIVIMD, node: process.execPath }
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('VIVIM'))
    this.env = {
      ...Object.fromEntries(inherited),
      VIVIM_HOME: this.home,
      XDG_CACHE_HOME: as ? join(this.folder, 'cache') : join(REPOSITORY, 'node_modules/.cache'),
      NO_COLOR: '1',
      // Nodes of tests talk to each other and to nobody else.
      VIVIM_LISTEN: '/ip4/127.0.0.1/tcp/0',
      ...env,
    }
  }

  /** A home without a node: `run` commands in it, or `boot` it. */
  static create(options: TestNodeOptions = {}): TestNode {
    return new TestNode(options)
  }

  /** A running node without users. */
  static async start(options: TestNodeOptions = {}): Promise<TestNode> {
    const node = new TestNode(options)
    try {
      const { status, stderr } = node.run('init', '--no-user', '--non-interactive', ...(options.init ?? []))
      if (status !== 0) throw new Error(`init failed: ${stderr}`)
      node.configure({ network: { mdns: false } })
      await node.boot()
      return node
    } catch (error) {
      await node.dispose()
      throw error
    }
  }

  /** Writes groups of settings into the file, as a person does with an editor while no node runs. */
  configure(groups: Record<string, object>): void {
    const file = join(this.home, 'config.json')
    const present = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
    for (const [group, settings] of Object.entries(groups))
      present[group] = { ...present[group], ...settings }
    writeFileSync(file, JSON.stringify(present), { mode: 0o600 })
  }

  /** What the running process wrote so far: for messages of failing tests. */
  get output(): string {
    return this.#output
  }

  get pid(): number {
    const pid = this.#process?.pid
    if (pid === undefined) throw new Error('the node is not running')
    return pid
  }

  get running(): boolean {
    return this.#process !== undefined
  }

  /** Starts the process in the foreground and waits for its `ready`. */
  async boot(): Promise<void> {
    if (this.#process) throw new Error('the node is running already')
    this.#output = ''
    const child = spawn(this.#program.node, [this.#program.vivimd, 'start', '--foreground'], {
      ...this.#as,
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    child.once('exit', () => {
      if (this.#process === child) this.#process = undefined
    })
    await this.#within('ready', (resolve, reject) => {
      const read = (chunk: Buffer) => {
        this.#output += chunk.toString()
        if (/^ready\b/m.test(this.#output)) resolve()
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      child.once('error', reject)
      child.once('exit', (code, signal) => reject(new Error(`left with ${code ?? signal}: ${this.#output}`)))
    })
  }

  /** kill -9, and waits until the process is gone. */
  async kill9(): Promise<void> {
    await this.#signal('SIGKILL')
  }

  /** An orderly stop, as a service manager does it. */
  async stop(): Promise<void> {
    await this.#signal('SIGTERM')
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.boot()
  }

  /** A connection to the node, closed with it. */
  async client(): Promise<Client> {
    this.#socket ??= this.#findSocket()
    const client = await connect({ socket: this.#socket })
    this.#clients.add(client)
    return client
  }

  /** A new user without a passphrase, signed in on a connection of its own. */
  async user(displayName = 'Ann'): Promise<{ did: string; client: Client }> {
    const client = await this.client()
    const { did } = await client.call('users.create', { displayName })
    await client.login({ did })
    return { did, client }
  }

  /** Runs the command line in this home and waits for it. */
  run(...args: string[]): CommandResult {
    return this.type(undefined, ...args)
  }

  /** The same, with something on its standard input. */
  type(input: string | undefined, ...args: string[]): CommandResult {
    const { status, stdout, stderr } = spawnSync(this.#program.node, [this.#program.vivimd, ...args], {
      ...this.#as,
      env: this.env,
      encoding: 'utf8',
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
      timeout: this.#deadlineMs,
    })
    return { status: status ?? -1, stdout, stderr }
  }

  async dispose(): Promise<void> {
    for (const client of this.#clients) await client.close().catch(() => {})
    this.#clients.clear()
    if (this.#process) await this.#signal('SIGKILL')
    // What the node watched over may take a moment to go, and to stop writing.
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  #findSocket(): string {
    const { stdout, stderr } = this.run('paths', '--json')
    if (stdout === '') throw new Error(`paths failed: ${stderr}`)
    return (JSON.parse(stdout) as { socket: string }).socket
  }

  async #signal(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#process
    if (!child) return
    const gone = this.#within(signal, (resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    await gone
  }

  async #within(
    what: string,
    wait: (resolve: () => void, reject: (error: Error) => void) => void,
  ): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(
          () => reject(new Error(`no ${what} within ${this.#deadlineMs} ms: ${this.#output}`)),
          this.#deadlineMs,
        )
        wait(resolve, reject)
      })
    } finally {
      clearTimeout(timer)
    }
  }
}
