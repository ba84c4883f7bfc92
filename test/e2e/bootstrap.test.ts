import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { MasterDatabase } from '../../daemon/master/database.ts'
import { EmbeddedPostgres } from '../../daemon/master/embedded-postgres.ts'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { eventually } from '../support/eventually.ts'
import { dataFolderOf, isPostgres, postgresOf, postmasterOf } from '../support/master-postgres.ts'
import { NOBODY, programFor } from '../support/plain-user.ts'
import { TestNode, type TestNodeOptions } from '../support/test-node.ts'

const IS_ROOT = process.getuid?.() === 0
/** The goal is 5 s after a kill; a shared machine gets ten times that, and the time is printed. */
const GONE_MS = 50_000

let nodes: TestNode[] = []
const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const node of nodes) await node.dispose()
  nodes = []
  for (const each of undo.splice(0).reverse()) await each()
})

/** A running bootstrap node. */
async function bootstrap(options: TestNodeOptions = {}): Promise<TestNode> {
  const node = TestNode.create(options)
  nodes.push(node)
  const { status, stderr } = node.run('init', '--role', 'bootstrap', '--no-user', '--non-interactive')
  expect(status, stderr).toBe(0)
  node.configure({ network: { mdns: false } })
  await node.boot()
  return node
}

async function masterIs(client: Client, state: 'online' | 'offline'): Promise<number> {
  return eventually(
    `master ${state}`,
    async () => (await client.call('node.status')).master.state === state,
    60_000,
  )
}

async function registered(client: Client, did: string): Promise<number> {
  return eventually('the user registered', () =>
    client.call('master.lookup', { did }).then(
      ({ devices }) => devices.length === 1,
      () => false,
    ),
  )
}

/** Everything that must hold for whoever runs the node. */
async function outlivesKills(options: TestNodeOptions): Promise<void> {
  const node = await bootstrap(options)
  const data = dataFolderOf(node.pid)!
  // Where `nobody` can reach it: outside the home, which the test removes.
  if (!data.startsWith(node.folder)) undo.push(() => rmSync(dirname(dirname(data)), { recursive: true }))
  const processes = postgresOf(data)
  expect(processes.length).toBeGreaterThan(2)
  const { did, client } = await node.user('Ann')
  await masterIs(client, 'online')
  await registered(client, did)

  await node.kill9()
  const goneMs = await eventually(
    'no PostgreSQL left',
    () => postgresOf(data).length === 0 && !processes.some(isPostgres),
    GONE_MS,
  )
  expect(existsSync(join(data, 'PG_VERSION'))).toBe(true)

  const began = performance.now()
  await node.boot()
  const again = await node.client()
  await masterIs(again, 'online')
  const backMs = performance.now() - began
  expect(await again.call('master.status')).toMatchObject({ users: 1, devices: 1 })
  expect((await again.call('master.lookup', { did })).displayName).toBe('Ann')

  const first = postmasterOf(data)
  process.kill(first, 'SIGKILL')
  const killedAt = performance.now()
  await eventually(
    'another PostgreSQL',
    () => {
      try {
        return postmasterOf(data) !== first
      } catch {
        return false
      }
    },
    GONE_MS,
  )
  await masterIs(again, 'online')
  await registered(again, did)
  const healedMs = performance.now() - killedAt
  const { did: other } = await again.call('users.create', { displayName: 'Ben' })
  await registered(again, other)

  await node.stop()
  expect(postgresOf(data)).toEqual([])
  console.log(
    `PostgreSQL gone ${goneMs.toFixed(0)} ms after kill -9 of the node; node and registry back in ${backMs.toFixed(0)} ms; ${healedMs.toFixed(0)} ms after kill -9 of PostgreSQL`,
  )
}

describe('a bootstrap node', { timeout: 300_000 }, () => {
  test('outlives kill -9 of itself and of its PostgreSQL, as whoever runs the tests', async () => {
    await outlivesKills({})
  })

  // Whoever is no root has just been tested.
  test.runIf(IS_ROOT)('the same as an ordinary user', async () => {
    const program = programFor(NOBODY)
    undo.push(program.dispose)
    await outlivesKills({ as: NOBODY, program, env: { HOME: tmpdir() } })
  })

  test.runIf(IS_ROOT)('the same as root where user namespaces are not allowed', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'vivimd-bin-'))
    undo.push(() => rmSync(bin, { recursive: true, force: true }))
    mkdirSync(join(bin, 'unshare')) // A folder cannot be run: like a system that refuses.
    const withoutUnshare = (process.env.PATH ?? '')
      .split(':')
      .filter((folder) => !existsSync(join(folder, 'unshare')))
    expect(withoutUnshare.length).toBeGreaterThan(0)
    await outlivesKills({ env: { PATH: [bin, ...withoutUnshare].join(':') } })
  })
})

describe('a bootstrap node over a PostgreSQL of somebody else', { timeout: 300_000 }, () => {
  const password = 'hunter2-canary-b41d'
  const folder = mkdtempSync(join(tmpdir(), 'vivimd-pg-'))
  let postgres: EmbeddedPostgres | undefined
  let elsewhere: string | undefined
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  afterAll(async () => {
    await postgres?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** A database and a user of its own, who needs the password. */
  async function url(name: string): Promise<string> {
    if (!postgres) {
      postgres = await EmbeddedPostgres.start({ folder, log: silent })
      const rules = 'local all vivimd trust\nlocal all all scram-sha-256\n'
      writeFileSync(join(folder, 'postgres/pg_hba.conf'), rules)
      process.kill(postgres.pid!, 'SIGHUP')
    }
    const { host, port } = postgres.connection
    const admin = new MasterDatabase({ connection: postgres.connection, log: silent, migrations: [] })
    await admin.query(`CREATE ROLE ${name} LOGIN PASSWORD '${password}'`)
    await admin.query(`CREATE DATABASE ${name} OWNER ${name}`)
    await admin.close()
    return `postgresql://${name}:${password}@/${name}?host=${encodeURIComponent(host)}&port=${port}`
  }

  /** Nothing the node wrote or says holds the password. */
  async function tellsNobody(node: TestNode): Promise<void> {
    const said = [node.output]
    if (node.running) {
      const client = await node.client()
      for (const method of [
        'node.status',
        'master.status',
        'config.list',
        'node.metrics',
        'node.health',
      ] as const)
        said.push(JSON.stringify(await client.call(method)))
      for (const command of [
        ['status'],
        ['master'],
        ['config', 'list'],
        ['config', 'get', 'master.databaseUrl'],
      ]) {
        const { stdout, stderr } = node.run(...command)
        said.push(stdout, stderr)
      }
    }
    expect(said.join('\n')).not.toContain(password)
    expect(byteSearch(node.folder, password)).toEqual([])
    for (const pid of [...(node.running ? [node.pid] : [])])
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(password)
  }

  test('keeps its registry there, runs none of its own, and tells nobody the password', async () => {
    const databaseUrl = await url('registry')
    const node = await bootstrap({ env: { MASTER_DATABASE_URL: databaseUrl } })
    expect(dataFolderOf(node.pid)).toBeUndefined()
    expect(existsSync(join(node.home, 'master/postgres'))).toBe(false)
    const { did, client } = await node.user('Ann')
    await masterIs(client, 'online')
    await registered(client, did)
    await tellsNobody(node)
    await node.kill9()
    await node.boot()
    const again = await node.client()
    await masterIs(again, 'online')
    expect((await again.call('master.lookup', { did })).displayName).toBe('Ann')
    const reader = new MasterDatabase({ connection: databaseUrl, log: silent })
    expect((await reader.query('SELECT count(*)::int AS users FROM users')).rows).toEqual([{ users: 1 }])
    await reader.close()
  })

  test.each([
    ['a wrong password', (good: string) => good.replace(password, `${password}-not`)],
    ['a database that is not there', (good: string) => good.replace('/elsewhere?', '/nothing_here?')],
    ['a server that does not answer', () => `postgresql://ann:${password}@127.0.0.1:1/vivim`],
    ['a URL that is none', () => `mysql://ann:${password}@127.0.0.1/vivim`],
  ])('%s: the node runs, the master is offline, the password is told to nobody', async (_, bad) => {
    elsewhere ??= await url('elsewhere')
    const node = await bootstrap({ env: { MASTER_DATABASE_URL: bad(elsewhere) } })
    const { client } = await node.user('Ann')
    await masterIs(client, 'offline')
    await eventually('a reason', async () => (await client.call('master.status')).problem !== undefined)
    const { problem, waiting } = await client.call('master.status')
    expect(problem).toMatch(/^[A-Z].*\.$/)
    expect(waiting).toBe(2)
    await tellsNobody(node)
  })
})
