import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { NodeUnderDemo } from './node-under-demo.ts'
import { isAlive, pause, readQuietly } from './processes.ts'

/** The PostgreSQL that a bootstrap node runs for itself. */
export class MasterDatabase {
  readonly #node: NodeUnderDemo
  #data: string
  #down = false
  #killing: Promise<void> = Promise.resolve()

  constructor(node: NodeUnderDemo) {
    this.#node = node
    this.#data = join(node.home, 'master/postgres')
  }

  /** Call it once the node runs: as root on some systems the data is outside the home. */
  find(): void {
    if (!existsSync('/proc/self/status')) return
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const parent = /^PPid:\s*(\d+)$/m.exec(readQuietly(`/proc/${name}/status`))?.[1]
      if (Number(parent) !== this.#node.pid) continue
      const words = readQuietly(`/proc/${name}/cmdline`).split('\0')
      if (words.includes('-D')) this.#data = words[words.indexOf('-D') + 1] ?? this.#data
    }
  }

  /** Of its first process; undefined while there is none. */
  get pid(): number | undefined {
    const pid = Number(readQuietly(join(this.#data, 'postmaster.pid')).split('\n')[0])
    return pid > 1 && isAlive(pid) && commandOf(pid).includes(this.#data) ? pid : undefined
  }

  /** kill -9, again each time the node brings it back, until `letBack`. Answers the first one's pid. */
  keepDown(): number | undefined {
    const first = this.pid
    this.#down = true
    this.#killing = this.#kill()
    return first
  }

  async letBack(): Promise<void> {
    this.#down = false
    await this.#killing
  }

  /** Removes what is not below the home. */
  async dispose(): Promise<void> {
    await this.letBack()
    const outside = dirname(dirname(this.#data))
    if (this.#data.startsWith(this.#node.home) || !basename(outside).startsWith('vivimd-')) return
    for (let waited = 0; waited < 5_000 && this.pid !== undefined; waited += 50) await pause(50)
    rmSync(outside, { recursive: true, force: true })
  }

  async #kill(): Promise<void> {
    for (; this.#down; await pause(50)) {
      const { pid } = this
      try {
        if (pid !== undefined) process.kill(pid, 'SIGKILL')
      } catch {
        // It went by itself.
      }
    }
  }
}

function commandOf(pid: number): string {
  if (existsSync('/proc/self/cmdline')) return readQuietly(`/proc/${pid}/cmdline`)
  const { stdout } = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout ?? ''
}
