import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MasterDatabase } from '../../../daemon/master/database.ts'
import { postgresBinaries } from '../../../daemon/master/embedded/binaries.ts'
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from '../../../daemon/master/embedded-postgres.ts'
import { eventually, failureOf, type RecordingLog, recordingLog, Temporary } from './temporary.ts'

const CHILD = fileURLToPath(new URL('./postgres-child.ts', import.meta.url))
const IS_ROOT = process.getuid?.() === 0
const NOBODY = 65_534

let temporary: Temporary
let folder: string
let log: RecordingLog
beforeEach(() => {
  temporary = new Temporary()
  folder = join(temporary.folder(), 'master')
  log = recordingLog()
})
afterEach(() => temporary.undo())

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const postgres = await EmbeddedPostgres.start({ folder, log, ...options })
  temporary.after(() => postgres.stop())
  return postgres
}

function databaseOf({ connection }: EmbeddedPostgres): MasterDatabase {
  const database = new MasterDatabase({ connection, log })
  temporary.after(() => database.close())
  return database
}

interface Started {
  readonly child: ChildProcess
  readonly pid: number
  readonly host: string
  readonly ms: number
}

async function startInChild(options: object = {}, as: { uid?: number; gid?: number } = {}): Promise<Started> {
  const child = spawn(process.execPath, [CHILD, folder, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, MASTER_SECRET: 'not-for-postgres' },
    ...as,
  })
  temporary.after(() => {
    child.kill('SIGKILL')
    // Until then it writes into the folder that is removed next.
    return eventually('PostgreSQL is gone', () => postgresProcesses().length === 0)
  })
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) }
  throw new Error('the child did not start')
}

/** Every process that was given this data folder, or works for one that was. */
function postgresProcesses(data = join(folder, 'postgres')): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      return words.includes(data) && words[0]?.endsWith('postgres') ? [Number(name)] : []
    } catch {
      return []
    }
  })
}

const exitOf = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once('exit', resolve))

describe('an embedded PostgreSQL', () => {
  it('keeps what it was told from one start to the next, private and without a port', async () => {
    const first = await start()
    await databaseOf(first).query("INSERT INTO users VALUES ('d', 1, NULL, '', 0)")
    const { rows } = await databaseOf(first).query(
      "SELECT name, setting FROM pg_settings WHERE name IN ('listen_addresses', 'fsync', 'server_encoding')",
    )
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
      listen_addresses: '',
      fsync: 'on',
      server_encoding: 'UTF8',
    })
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(first.connection.host).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(folder, 'postgres/pg_hba.conf'), 'utf8')).not.toMatch(/^host.*trust/m)
    await first.stop()
    expect(postgresProcesses()).toEqual([])
    expect(readdirSync(folder)).toEqual(['postgres'])

    const second = await start()
    const { rows: kept } = await databaseOf(second).query('SELECT did FROM users')
    expect(kept).toEqual([{ did: 'd' }])
  })

  it('is gone within seconds of kill -9 of its process, and starts again with its data', async () => {
    const { child, pid } = await startInChild()
    expect(postgresProcesses()).toContain(pid)
    const gone = exitOf(child)
    child.kill('SIGKILL')
    await gone
    const ms = await eventually('PostgreSQL is gone', () => postgresProcesses().length === 0, 5_000)
    console.log(`gone ${Math.round(ms)} ms after kill -9 of its process`)
    const again = await start()
    await databaseOf(again).query('SELECT 1')
    expect(again.pid).not.toBe(pid)
  })

  it('is stopped by the next start when its watchdog was killed as well', async () => {
    const { child, pid } = await startInChild()
    const watchdog = parentOf(pid)
    child.kill('SIGSTOP')
    for (const one of childrenOf(watchdog)) if (one !== pid) process.kill(one, 'SIGKILL')
    process.kill(watchdog, 'SIGKILL')
    const gone = exitOf(child)
    child.kill('SIGKILL')
    await gone
    expect(postgresProcesses()).toContain(pid)
    const next = await start()
    expect(log.text()).toContain('left running')
    expect(postgresProcesses()).not.toContain(pid)
    await databaseOf(next).query('SELECT 1')
  })

  it('takes queries as soon as it has started where everything was killed at once', async () => {
    const { child, pid } = await startInChild()
    const gone = exitOf(child)
    const watchdog = parentOf(pid)
    for (const one of [watchdog, pid, child.pid!]) process.kill(one, 'SIGKILL')
    await gone
    expect(readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8')).toContain('ready')
    await databaseOf(await start()).query('SELECT 1')
  })

  it('comes back by itself after kill -9 of PostgreSQL, and of its watchdog', async () => {
    const postgres = await start()
    const database = databaseOf(postgres)
    await database.query("INSERT INTO users VALUES ('d', 1, NULL, '', 0)")
    const killed = postgres.pid!
    process.kill(killed, 'SIGKILL')
    await eventually(
      'queries fail',
      () =>
        database.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      5_000,
    )
    expect(await failureOf(database.query('SELECT 1'))).toMatchObject({ code: 'Unavailable' })
    const ms = await eventually('queries work', () => database.query('SELECT 1').catch(() => undefined))
    console.log(`answers ${Math.round(ms)} ms after kill -9 of PostgreSQL`)
    expect((await database.query('SELECT did FROM users')).rows).toEqual([{ did: 'd' }])
    expect(postgres.pid).not.toBe(killed)

    const second = postgres.pid!
    const watchdog = parentOf(second)
    process.kill(watchdog, 'SIGKILL')
    await eventually('another one runs', () => postgres.pid !== undefined && postgres.pid !== second)
    await eventually('queries work', () => database.query('SELECT 1').catch(() => undefined))
    expect(postgresProcesses()).toEqual([postgres.pid])
  })

  it('is not stopped in the place of a process that has its old pid', async () => {
    const postgres = await start()
    const record = readFileSync(join(folder, 'postgres/postmaster.pid'), 'utf8')
    await postgres.stop()
    const bystander = spawn('sleep', ['60'])
    temporary.after(() => bystander.kill('SIGKILL'))
    writeFileSync(join(folder, 'postgres/postmaster.pid'), record.replace(/^\d+/, String(bystander.pid)))
    await databaseOf(await start()).query('SELECT 1')
    expect(bystander.exitCode ?? bystander.signalCode).toBeNull()
  })

  it('begins anew where making its database was interrupted, and refuses a folder of somebody else', async () => {
    mkdirSync(join(folder, 'postgres.new-1-2/base'), { recursive: true })
    writeFileSync(join(folder, 'postgres.new-1-2/PG_VERSION'), '18\n')
    const postgres = await start()
    await postgres.stop()
    expect(readdirSync(folder)).toEqual(['postgres'])
    rmSync(join(folder, 'postgres'), { recursive: true })
    mkdirSync(join(folder, 'postgres'))
    writeFileSync(join(folder, 'postgres/letter.txt'), 'x')
    expect(await failureOf(start())).toMatchObject({ code: 'Corrupt' })
    expect(readdirSync(join(folder, 'postgres'))).toEqual(['letter.txt'])
  })

  it('leaves nothing half-made after kill -9 while its database is made', async () => {
    const child = spawn(process.execPath, [CHILD, folder], { stdio: ['pipe', 'ignore', 'inherit'] })
    const unfinished = () =>
      existsSync(folder) ? readdirSync(folder).find((name) => name.startsWith('postgres.new')) : undefined
    await eventually('initdb began', () => {
      const name = unfinished()
      return name !== undefined && existsSync(join(folder, name, 'PG_VERSION'))
    })
    const gone = exitOf(child)
    child.kill('SIGKILL')
    await gone
    expect(existsSync(join(folder, 'postgres'))).toBe(false)
    await databaseOf(await start()).query('SELECT 1')
    expect(readdirSync(folder).sort()).toEqual(['postgres', 'socket'])
  })

  it('puts its socket into the temp directory when the home is deep, and takes it away again', async () => {
    folder = join(temporary.folder(), 'a-deep-home-'.repeat(8), 'master')
    const postgres = await start()
    const { host } = postgres.connection
    expect(host.startsWith(folder)).toBe(false)
    expect(statSync(host).mode & 0o777).toBe(0o700)
    await databaseOf(postgres).query('SELECT 1')
    await postgres.stop()
    expect(existsSync(host)).toBe(false)
    // Somebody else has that name now.
    mkdirSync(host, { mode: 0o777 })
    chmodSync(host, 0o777)
    temporary.after(() => rmSync(host, { recursive: true }))
    const next = await start()
    expect(next.connection.host).not.toBe(host)
    await databaseOf(next).query('SELECT 1')
  })

  it('knows nothing of our environment', async () => {
    const { child, pid } = await startInChild()
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('not-for-postgres')
    const left = exitOf(child)
    child.stdin!.write('stop\n')
    expect(await left).toBe(0)
    expect(postgresProcesses()).toEqual([])
  })

  it.runIf(IS_ROOT).each([
    ['an ordinary user', NOBODY],
    ['an account without a name', 12_345],
  ])('runs for %s', async (who, uid) => {
    mkdirSync(folder, { mode: 0o700 })
    for (const path of [dirname(folder), folder]) chownSync(path, uid, uid)
    const { child, pid, ms } = await startInChild({}, { uid: uid, gid: uid })
    expect(statSync(`/proc/${pid}`).uid).toBe(uid)
    console.log(`first start of ${who}: ${ms} ms`)
    const gone = exitOf(child)
    child.kill('SIGKILL')
    await gone
    await eventually('PostgreSQL is gone', () => postgresProcesses().length === 0, 5_000)
    const second = await startInChild({}, { uid: uid, gid: uid })
    console.log(`later start of ${who}: ${second.ms} ms`)
  })

  it.runIf(IS_ROOT)(
    'runs as nobody, from a copy, where root has no namespaces and a private home',
    async () => {
      const systemFolder = temporary.folder()
      chmodSync(systemFolder, 0o755)
      const hidden = join(temporary.folder(), 'native')
      const { postgres } = await postgresBinaries()
      cpSync(dirname(dirname(postgres)), hidden, { recursive: true, verbatimSymlinks: true })
      chmodSync(dirname(hidden), 0o700)
      const binaries = { postgres: join(hidden, 'bin/postgres'), initdb: join(hidden, 'bin/initdb') }
      const options = { systemFolder, namespaces: false, binaries }
      const running = await start(options)
      await databaseOf(running).query('SELECT 1')
      const place = join(systemFolder, readdirSync(systemFolder)[0]!)
      expect(readFileSync(`/proc/${running.pid}/cmdline`, 'utf8').startsWith(place)).toBe(true)
      expect(statSync(`/proc/${running.pid}`).uid).toBe(NOBODY)
      expect(statSync(join(place, 'cluster')).mode & 0o777).toBe(0o700)
      await databaseOf(running).query("INSERT INTO users VALUES ('d', 1, NULL, '', 0)")
      await running.stop()
      // Once its data is there, it stays there, whatever the system allows by then.
      const later = await start({ ...options, namespaces: true })
      expect((await databaseOf(later).query('SELECT did FROM users')).rows).toEqual([{ did: 'd' }])
    },
  )

  it('names MASTER_DATABASE_URL when the program does not run', async () => {
    const binaries = { postgres: '/nowhere/postgres', initdb: '/nowhere/initdb' }
    const error = await failureOf(start({ binaries, systemFolder: temporary.folder() }))
    expect(error).toMatchObject({ code: 'Unavailable', hint: expect.stringContaining('MASTER_DATABASE_URL') })
  })
})

function parentOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')[1])
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
