import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DocumentedCommand, documentedCommands } from '../support/documented-commands.ts'
import { REPOSITORY } from '../support/repository.ts'

/** What a page cannot know, and what stands there instead. */
const CODE = 'vivim1…'
const CHECK = '042137'
const ADDRESS = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…'
const DID = 'did:key:z6Mk…'
const INVITE = 'vivim://invite/…'
const NOTEBOOK = 'NOTEBOOK-ID'
const ENTRY = 'ENTRY-ID'

/** Machines of a page, each a home folder; commands are typed as they stand there. */
class Machines {
  readonly folder = mkdtempSync(join(tmpdir(), 'vivimd-docs-'))
  readonly #names = new Map<string, string>()
  readonly #known = new Map<string, string>()

  run(machine: string, command: string) {
    const home = this.#names.get(machine) ?? join(this.folder, `m${this.#names.size}`)
    this.#names.set(machine, home)
    mkdirSync(home, { recursive: true })
    let typed = command
    for (const [placeholder, value] of this.#known) typed = typed.replaceAll(placeholder, value)
    const { status, stdout, stderr } = spawnSync('bash', ['-c', typed], {
      cwd: REPOSITORY,
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: 'C.UTF-8' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 90_000,
    })
    this.#learn(stdout)
    return { status, stdout, stderr }
  }

  #learn(output: string): void {
    const found: [string, RegExp][] = [
      [CODE, /\bvivim1[a-z2-7]{40,}/],
      [CHECK, /\b\d{3} ?\d{3}\b(?=[^:]*$)/m],
      [ADDRESS, /\/ip4\/127[^\s]*\/p2p\/12D3KooW\w+|\/ip4\/\S+\/p2p\/12D3KooW\w+/],
      [DID, /did:key:z6Mk\w+/],
      [INVITE, /vivim:\/\/invite\/[\w-]+/],
      [NOTEBOOK, /(?<=\(\d+ entr(?:y|ies)\) )[0-9a-f-]{36}/],
      [ENTRY, /^[0-9a-f-]{36}$/m],
    ]
    for (const [placeholder, pattern] of found) {
      const value = pattern.exec(output)?.[0]
      if (value !== undefined) this.#known.set(placeholder, value.replace(' ', ''))
    }
  }

  dispose(): void {
    for (const machine of this.#names.keys()) this.run(machine, 'npx vivimd stop')
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

const pages: [title: string, commands: DocumentedCommand[]][] = [
  ['README, "What the network does"', documentedCommands('README.md', 'What the network does')],
  ['docs/sync.md', documentedCommands('docs/sync.md')],
  ['docs/master.md', documentedCommands('docs/master.md')],
  ['docs/peers.md', documentedCommands('docs/peers.md')],
]

describe.each(pages)('the commands of %s', (page, commands) => {
  const machines = new Machines()
  const first = page === 'docs/peers.md' ? "Ann's node" : 'the device you have'
  beforeAll(() => {
    for (const command of ['npx vivimd init --name Ann', 'npx vivimd start']) {
      const { status, stdout, stderr } = machines.run(first, command)
      expect(status, stdout + stderr).toBe(0)
    }
  })
  afterAll(() => machines.dispose())

  const typed = commands.flatMap(({ command, machines: places }) => places.map((place) => [place, command]))
  it.each(typed as [string, string][])('on %s: %s', (machine, command) => {
    const { status, stdout, stderr } = machines.run(machine, command)
    expect(status, stdout + stderr).toBe(0)
    if (command.includes('device list')) expect(stdout).toContain('Laptop')
    if (command.includes('notebook edit')) expect(stdout).toContain('for three minutes.')
    if (command.includes('notebook export')) expect(stdout).toMatch(/^# Tea\n[\s\S]*for three minutes\./)
    if (command.includes('sync cursors')) expect(stdout).toContain('caught up')
    if (command.includes('master lookup')) expect(stdout).toContain('Ann')
  })

  it('names commands on every machine', () => {
    expect(typed.length).toBeGreaterThan(4)
  })
})

describe('the commands of README, "A second device"', () => {
  it('stand in docs/sync.md too, in the same order, where they are typed', () => {
    const readme = documentedCommands('README.md', 'A second device')
    expect(readme.length).toBeGreaterThan(4)
    expect(documentedCommands('docs/sync.md').slice(0, readme.length)).toEqual(readme)
  })
})
