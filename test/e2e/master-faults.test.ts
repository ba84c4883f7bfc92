import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { EmbeddedPostgres } from '../../daemon/master/embedded-postgres.ts'
import type { Client } from '../../rpc/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { dataFolderOf, postgresOf, postmasterOf } from '../support/master-postgres.ts'
import { SlowProxy } from '../support/slow-proxy.ts'
import { TestNode } from '../support/test-node.ts'

/** The goal is a p99 of 50 ms; a shared machine gets ten times that, and the figure is printed. */
const P99_MS = 500
const ROUNDS = 40
const SLOW_MS = 30_000
const LATE_MS = 120_000

let undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
  undo = []
})

/** What can happen to the database of a master. */
interface Database {
  readonly env: Record<string, string>
  readonly viaThisProcess: boolean
  /** Called once the node runs. */
  readonly attach: (node: TestNode) => void
  readonly faults: readonly {
    readonly name: string
    /** Long enough for the node to notice. */
    readonly lasting: boolean
    begin(): unknown
    end(): unknown
  }[]
  /** Keeps a copy of everything while nothing runs on it; and puts the copy in its place. */
  save(node: TestNode): Promise<void>
  restore(node: TestNode): Promise<void>
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vivimd-faults-'))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Copies of a data folder that nobody uses meanwhile. */
function copies(): { save(data: string): void; restore(data: string): void } {
  const copy = join(temporaryFolder(), 'copy')
  return {
    save: (data) => execFileSync('cp', ['-a', data, copy]),
    restore: (data) => {
      rmSync(data, { recursive: true })
      execFileSync('cp', ['-a', copy, data])
    },
  }
}

async function embedded(): Promise<Database> {
  let data = ''
  const stopped: number[] = []
  const { save, restore } = copies()
  const halted = async (node: TestNode, work: () => void) => {
    await node.stop()
    work()
    await node.boot()
  }
  undo.push(() => {
    for (const pid of stopped) process.kill(pid, 'SIGCONT')
  })
  return {
    env: {},
    viaThisProcess: false,
    attach: (node) => {
      data = dataFolderOf(node.pid)!
    },
    faults: [
      {
        name: 'hangs',
        lasting: true,
        begin: () => {
          stopped.push(...postgresOf(data))
          for (const pid of stopped) process.kill(pid, 'SIGSTOP')
        },
        end: () => {
          for (const pid of stopped.splice(0)) process.kill(pid, 'SIGCONT')
        },
      },
      {
        name: 'is stopped',
        lasting: false,
        begin: () => process.kill(postmasterOf(data), 'SIGINT'),
        end: () => {},
      },
      {
        name: 'is killed',
        lasting: false,
        begin: () => process.kill(postmasterOf(data), 'SIGKILL'),
        end: () => {},
      },
    ],
    save: (node) => halted(node, () => save(data)),
    restore: (node) => halted(node, () => restore(data)),
  }
}

/** Another PostgreSQL, as the URL of somebody who runs one, behind a way that can be slowed and cut. */
async function elsewhere(): Promise<Database> {
  const folder = temporaryFolder()
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const start = () => EmbeddedPostgres.start({ folder, log: silent })
  let postgres: EmbeddedPostgres | undefined = await start()
  undo.push(() => postgres?.stop())
  const { port, user } = postgres.connection
  const socket = `.s.PGSQL.${port}`
  const proxy = await SlowProxy.to(() => join(postgres?.connection.host ?? '/nowhere', socket), socket)
  undo.push(() => proxy[Symbol.asyncDispose]())
  const { save, restore } = copies()
  const halted = async (work: () => void) => {
    await postgres?.stop()
    work()
    postgres = await start()
  }
  return {
    env: {
      MASTER_DATABASE_URL: `postgresql://${user}@/postgres?host=${encodeURIComponent(proxy.folder)}&port=${port}`,
    },
    viaThisProcess: true,
    attach: () => {},
    faults: [
      {
        name: `takes ${SLOW_MS / 1_000} s`,
        lasting: true,
        begin: () => {
          proxy.delayMs = SLOW_MS
        },
        end: () => {
          proxy.delayMs = 0
          proxy.setCut(true)
          proxy.setCut(false)
        },
      },
      {
        name: 'is stopped',
        lasting: true,
        begin: async () => {
          await postgres?.stop()
          postgres = undefined
        },
        end: async () => {
          postgres = await start()
        },
      },
      {
        name: 'is killed',
        lasting: false,
        begin: () => process.kill(postgres!.pid!, 'SIGKILL'),
        end: () => {},
      },
    ],
    save: () => halted(() => save(join(folder, 'postgres'))),
    restore: () => halted(() => restore(join(folder, 'postgres'))),
  }
}

async function bootstrap(database: Database): Promise<TestNode> {
  const node = TestNode.create({ env: database.env })
  undo.push(() => node.dispose())
  const { status, stderr } = node.run('init', '--role', 'bootstrap', '--no-user', '--non-interactive')
  expect(status, stderr).toBe(0)
  node.configure({ network: { mdns: false } })
  await node.boot()
  database.attach(node)
  return node
}

async function memberOf(master: TestNode): Promise<TestNode> {
  const { address } = await (await master.client()).call('master.status')
  const node = TestNode.create()
  undo.push(() => node.dispose())
  const { status, stderr } = node.run('init', '--no-user', '--non-interactive', '--join', address!)
  expect(status, stderr).toBe(0)
  node.configure({ network: { mdns: false } })
  await node.boot()
  return node
}

const stateIs = (client: Client, state: string) => async () =>
  (await client.call('node.status')).master.state === state

const isRegistered = (client: Client, did: string) => () =>
  client.call('master.lookup', { did }).then(
    ({ devices }) => devices.length > 0,
    () => false,
  )

const findingsOf = async (client: Client) =>
  (await client.call('master.status')).log?.findings.map(({ kind }) => kind) ?? []

const isIdle = (client: Client) => async () => (await client.call('master.status')).waiting === 0

/** Milliseconds of each thing a person does. */
async function localWork(client: Client, name: string): Promise<number[]> {
  const times: number[] = []
  const timed = async (work: () => Promise<unknown>) => {
    const began = performance.now()
    await work()
    times.push(performance.now() - began)
  }
  for (let n = 0; n < ROUNDS; n++) {
    await timed(() => capture(client, `${name}-${n}`))
    await timed(() => client.call('search.query', { query: 'dough' }))
    await timed(() => client.call('node.status'))
  }
  return times
}

const capture = (client: Client, id: string) =>
  client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: id,
      title: `Bread ${id}`,
      messages: [
        { id: `${id}-1`, role: 'user', parts: [{ type: 'text', content: 'How long does dough rise?' }] },
      ],
    },
  })

const p99 = (times: readonly number[]) =>
  [...times].sort((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1]!

describe.each([
  ['its own', embedded],
  ['one with a URL', elsewhere],
])('a master whose PostgreSQL is %s', { timeout: 600_000 }, (_, make) => {
  test('hangs, is stopped and killed: local work is as quick as ever, and nothing is lost', async () => {
    const database = await make()
    const node = await bootstrap(database)
    const { did, client } = await node.user('Ann')
    await eventually('online', stateIs(client, 'online'), LATE_MS)
    await eventually('registered', isRegistered(client, did), LATE_MS)
    await localWork(client, 'warm')
    const healthy = p99(await localWork(client, 'healthy'))
    const figures: string[] = [`healthy ${healthy.toFixed(0)}`]
    for (const fault of database.faults) {
      await fault.begin()
      const { did: late } = await client.call('users.create', { displayName: `While it ${fault.name}` })
      const times = await localWork(client, fault.name.replaceAll(' ', '-'))
      if (fault.lasting) {
        await eventually('offline', stateIs(client, 'offline'), LATE_MS)
        times.push(...(await localWork(client, `${fault.name.replaceAll(' ', '-')}-later`)))
        expect((await client.call('master.status')).waiting).toBeGreaterThan(0)
      }
      figures.push(`while it ${fault.name} ${p99(times).toFixed(0)}`)
      expect(p99(times), fault.name).toBeLessThan(P99_MS)
      await fault.end()
      await eventually('online again', stateIs(client, 'online'), LATE_MS)
      await eventually(`registered, though it ${fault.name}`, isRegistered(client, late), LATE_MS)
      await eventually('nothing waits', isIdle(client), LATE_MS)
    }
    expect(await findingsOf(client)).toEqual([])
    console.log(`p99 of local work, ms: ${figures.join(', ')}`)
  })

  test('is restored from an older copy: noticed by all, and nothing is lost once its operator says so', async () => {
    const database = await make()
    const master = await bootstrap(database)
    let hub = await master.client()
    await eventually('online', stateIs(hub, 'online'), LATE_MS)
    const member = await memberOf(master)
    const { did: early, client } = await member.user('Early')
    await eventually('registered', isRegistered(client, early), LATE_MS)
    await eventually('nothing waits', isIdle(client), LATE_MS)
    await database.save(master)
    hub = await master.client()
    await eventually('online', stateIs(hub, 'online'), LATE_MS)
    await eventually('online', stateIs(client, 'online'), LATE_MS)

    const { did: late } = await client.call('users.create', { displayName: 'Late' })
    const { did: local } = await hub.call('users.create', { displayName: 'Of the operator' })
    for (const did of [late, local]) await eventually('registered', isRegistered(client, did), LATE_MS)
    for (const each of [client, hub]) await eventually('nothing waits', isIdle(each), LATE_MS)
    const seen = (await client.call('master.status')).log!
    expect(seen).toMatchObject({ trust: 'unconfirmed', findings: [], head: { generation: 1 } })

    await database.restore(master)
    hub = await master.client()
    for (const each of [hub, client]) {
      await eventually('online', stateIs(each, 'online'), LATE_MS)
      // Somebody asks it something, or ten minutes go by.
      await each.call('master.lookup', { did: early }).catch(() => {})
      const isNoticed = async () =>
        (await findingsOf(each)).some((kind) => kind === 'rolled-back' || kind === 'history-changed')
      await eventually('it is noticed', isNoticed, LATE_MS)
      expect((await each.call('master.status')).log?.trust).toBe('suspect')
    }
    const shown = member.run('master')
    expect(shown.stdout).toMatch(/wrong .*log/)
    expect((await hub.call('master.status')).log?.hint).toContain('new-generation')

    // A command that is waited for stops this process, and the way to a database elsewhere with it.
    if (database.viaThisProcess)
      expect(await hub.call('master.newGeneration')).toMatchObject({ generation: 2 })
    else {
      const begun = master.run('master', 'new-generation')
      expect(begun.status, begun.stderr).toBe(0)
      expect(begun.stdout).toContain('generation 2')
    }
    await client.call('master.lookup', { did: early }).catch(() => {})
    for (const did of [early, late, local]) await eventually('back', isRegistered(client, did), LATE_MS)
    for (const each of [client, hub]) {
      await eventually('nothing waits', isIdle(each), LATE_MS)
      expect((await each.call('master.status')).log).toMatchObject({
        trust: 'unconfirmed',
        findings: [],
        head: { generation: 2 },
        generationAt: expect.any(Number),
      })
    }
  })
})
