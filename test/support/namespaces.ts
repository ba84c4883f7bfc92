import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VIVIMD } from './repository.ts'
import type { TestNodeOptions } from './test-node.ts'

/** The end of a link in a namespace. */
interface End {
  readonly namespace: string
  /** IPv4. */
  readonly address: string
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}

/** Whether this machine lets the tests make networks of their own. */
export function canMakeNamespaces(): boolean {
  const name = `vivim${process.pid}probe`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return true
  } catch {
    return false
  }
}

/** Networks of the kernel's own (Linux, root): a middle that every leaf reaches, and that forwards nothing between them. */
export class Namespaces implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'vivimd-netns-'))
  readonly #made: string[] = []
  readonly #middle: string

  constructor() {
    this.#middle = this.#make('m')
  }

  get middle(): string {
    return this.#middle
  }

  /** A network with one link to the middle; answers both ends. */
  leaf(number: number): { readonly leaf: End; readonly middle: End; readonly device: string } {
    const namespace = this.#make(String(number))
    const [device, other] = [`v${process.pid}l`, `v${process.pid}m${number}`]
    ip(
      'link',
      'add',
      device,
      'netns',
      namespace,
      'type',
      'veth',
      'peer',
      'name',
      other,
      'netns',
      this.#middle,
    )
    const ends = {
      leaf: { namespace, address: `10.77.${number}.2` },
      middle: { namespace: this.#middle, address: `10.77.${number}.1` },
    }
    for (const [{ namespace: name, address }, link] of [
      [ends.leaf, device],
      [ends.middle, other],
    ] as const) {
      ip('-n', name, 'address', 'add', `${address}/24`, 'dev', link)
      ip('-n', name, 'link', 'set', link, 'up')
    }
    ip('-n', namespace, 'route', 'add', 'default', 'via', ends.middle.address)
    return { ...ends, device }
  }

  /** Takes a link down, or up again with its way out. */
  link(namespace: string, device: string, up: boolean, gateway: string): void {
    ip('-n', namespace, 'link', 'set', device, up ? 'up' : 'down')
    if (up) ip('-n', namespace, 'route', 'replace', 'default', 'via', gateway)
  }

  /** Runs a test node in a namespace. */
  options(namespace: string, env: Record<string, string> = {}): TestNodeOptions {
    const program = join(this.#folder, namespace)
    writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${namespace} ${process.execPath} "$@"\n`)
    chmodSync(program, 0o755)
    return { program: { vivimd: VIVIMD, node: program }, env: { VIVIM_LISTEN: '/ip4/0.0.0.0/tcp/0', ...env } }
  }

  [Symbol.dispose](): void {
    for (const name of this.#made) ip('netns', 'del', name)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #make(name: string): string {
    const whole = `vivim${process.pid}${name}`
    ip('netns', 'add', whole)
    this.#made.push(whole)
    ip('-n', whole, 'link', 'set', 'lo', 'up')
    return whole
  }
}
