import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { REPOSITORY, VIVIMD } from '../../support/repository.ts'

const CHECK = join(REPOSITORY, 'daemon/bin/check-runtime.js')

/** Older Nodes of this machine, beside the one the tests run on. */
const olderNodes = ['/usr/bin/node', '/usr/local/bin/node', process.env.VIVIM_TEST_OLD_NODE ?? ''].filter(
  (path) => {
    const { status, stdout } = spawnSync(path || 'no-such-program', ['--version'], { encoding: 'utf8' })
    const major = Number(/^v(\d+)/.exec(stdout ?? '')?.[1])
    return status === 0 && major >= 20 && major < 24
  },
)
const older = olderNodes[0]

const MAIN = `
export async function main(argv: readonly string[], program: string): Promise<number> {
  const [action = 'tell', ...rest] = argv
  if (action === 'wait') {
    process.on('SIGTERM', () => { console.log('asked to end'); process.exit(9) })
    console.log('waiting')
    await new Promise((resolve) => setTimeout(resolve, 60_000))
  }
  if (action === 'die') process.kill(process.pid, 'SIGKILL')
  if (action === 'start') {
    const { pid, execArgv, env } = process
    console.log(JSON.stringify({ pid, execArgv, arenas: env.MALLOC_ARENA_MAX, rest }))
    return 0
  }
  console.log(JSON.stringify({ node: process.version, from: import.meta.url, program, rest }))
  return Number(rest[0] ?? 0)
}
`

let root: string
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'vivimd-stub-')))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A package with the real stub and an entry that tells about itself. */
function install(folder: string, { source = true, build = false, runtime = true } = {}): string {
  mkdirSync(join(folder, 'daemon/bin'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"name":"vivimd","type":"module"}')
  copyFileSync(VIVIMD, join(folder, 'daemon/bin/vivimd.js'))
  if (source) writeFileSync(join(folder, 'daemon/main.ts'), MAIN)
  if (build) {
    mkdirSync(join(folder, 'dist/daemon'), { recursive: true })
    writeFileSync(
      join(folder, 'dist/daemon/main.js'),
      MAIN.replaceAll(/: (?:readonly string\[\]|string|Promise<number>)/g, ''),
    )
  }
  if (runtime) {
    mkdirSync(join(folder, 'node_modules'), { recursive: true })
    symlinkSync(join(REPOSITORY, 'node_modules/node'), join(folder, 'node_modules/node'))
  }
  return join(folder, 'daemon/bin/vivimd.js')
}

const env = () => ({ PATH: '/usr/bin:/bin', HOME: root, XDG_CACHE_HOME: join(root, 'cache') })
const run = (node: string, stub: string, ...args: string[]) =>
  spawnSync(node, [stub, ...args], { env: env(), encoding: 'utf8', timeout: 60_000 })

const nodes: [name: string, path: string][] = [['the packaged Node', process.execPath]]
if (older !== undefined) nodes.push(['an older Node', older])

describe.each(nodes)('the stub on %s', (_, node) => {
  it('runs the source on Node 24 or newer, passes words on, and exits alike', () => {
    const stub = install(root, { build: true })
    const { status, stdout } = run(node, stub, 'tell', '7', 'two words', '')
    expect(status).toBe(7)
    const told = JSON.parse(stdout) as { node: string; from: string; program: string; rest: string[] }
    expect(Number(told.node.slice(1).split('.')[0])).toBeGreaterThanOrEqual(24)
    expect(told).toMatchObject({
      from: expect.stringContaining('/daemon/main.ts'),
      program: stub,
      rest: ['7', 'two words', ''],
    })
    expect(told.from).not.toContain('dist')
  })

  it('runs the build where types cannot be stripped, also through a link', () => {
    const stub = install(join(root, 'node_modules/vivimd'), { build: true })
    const link = join(root, 'vivimd')
    symlinkSync(stub, link)
    const { status, stdout } = run(node, link)
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      from: expect.stringContaining('/dist/daemon/main.js'),
      program: stub,
    })
  })

  it('passes signals on', async () => {
    const child = spawn(node, [install(root), 'wait'], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
      if (output === 'waiting\n') child.kill('SIGTERM')
    })
    expect(await ended).toBe(9)
    expect(output).toBe('waiting\nasked to end\n')
  })

  it('starts a node with little memory, in the same process on the right Node', () => {
    const stub = install(root)
    const { pid, stdout, stderr } = run(node, stub, 'start', '--foreground', 'two words')
    const told = JSON.parse(stdout)
    expect(told).toMatchObject({
      execArgv: ['--max-semi-space-size=4', '--heap-growing-percent=50', '--expose-gc'],
      arenas: '1',
      rest: ['--foreground', 'two words'],
    })
    if (node === process.execPath) expect(told.pid).toBe(pid)
    expect(stderr).toBe('')
    expect(JSON.parse(run(node, stub, 'start').stdout).execArgv).toEqual([])
  })

  it('ends by the signal that ended the program', () => {
    expect(run(node, install(root), 'die').signal).toBe('SIGKILL')
  })

  it('keeps its compile cache to this account', () => {
    run(node, install(root))
    expect(readdirSync(join(root, 'cache/vivim'))).toEqual(['compile'])
  })
})

describe.skipIf(older === undefined)('without the runtime', () => {
  it('one line says what to install', () => {
    const { status, stdout, stderr } = run(older!, install(root, { runtime: false }))
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^vivimd: Node 24 or newer is needed, this is \d[\d.]+: .*`npm install`\.\n$/)
  })

  it('one line says how to get it when it was installed without its script', () => {
    const stub = install(root, { runtime: false })
    mkdirSync(join(root, 'node_modules/node'), { recursive: true })
    writeFileSync(join(root, 'node_modules/node/package.json'), '{"name":"node","version":"24.0.0"}')
    expect(run(older!, stub).stderr).toMatch(/^vivimd: .*`npm rebuild node`\.\n$/)
  })

  it('a packaged runtime that is too old does not look for itself for ever', () => {
    const stub = install(root, { runtime: false })
    mkdirSync(join(root, 'node_modules/node/bin'), { recursive: true })
    writeFileSync(join(root, 'node_modules/node/package.json'), '{"name":"node","version":"20.0.0"}')
    symlinkSync(older!, join(root, 'node_modules/node/bin/node'))
    expect(run(older!, stub)).toMatchObject({ status: 1, stderr: expect.stringMatching(/^vivimd: .*\n$/) })
  })
})

describe('the check before the tests', () => {
  it('is silent on the right runtime', () => {
    expect(run(process.execPath, CHECK)).toMatchObject({ status: 0, stdout: '', stderr: '' })
  })
  it.skipIf(older === undefined)('is one line on an older one', () => {
    const { status, stderr } = run(older!, CHECK)
    expect(status).toBe(1)
    expect(stderr).toMatch(/^[^\n]*`npm rebuild node`\.\n$/)
  })
  it('lies beside the stub', () => {
    expect(dirname(CHECK)).toBe(dirname(VIVIMD))
  })
})
