import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { privateKeyOfSeed } from '../../../daemon/identity/ed25519.ts'
import { MasterDatabase, masterMigrations } from '../../../daemon/master/database.ts'
import { EmbeddedPostgres } from '../../../daemon/master/embedded-postgres.ts'
import { PostgresRegistry } from '../../../daemon/master/postgres-registry.ts'
import { Person } from './people.ts'
import { eventually, failureOf, type RecordingLog, recordingLog, Temporary } from './temporary.ts'

const INSTANCE = privateKeyOfSeed(new Uint8Array(32).fill(5))
const NEWEST = masterMigrations().at(-1)!.version
const PASSWORD = 'correct-horse-battery'
const forGood = new Temporary()
let folder: string
let postgres: EmbeddedPostgres
let admin: MasterDatabase
let databases = 0

beforeAll(async () => {
  folder = forGood.folder()
  postgres = await EmbeddedPostgres.start({ folder, log: recordingLog() })
  forGood.after(() => postgres.stop())
  admin = new MasterDatabase({ connection: postgres.connection, log: recordingLog() })
  forGood.after(() => admin.close())
})
afterAll(() => forGood.undo())

let temporary: Temporary
let log: RecordingLog
let connection: EmbeddedPostgres['connection']
beforeEach(async () => {
  temporary = new Temporary()
  log = recordingLog()
  const database = `test_${databases++}`
  await admin.query(`CREATE DATABASE ${database}`)
  connection = { ...postgres.connection, database }
})
afterEach(() => temporary.undo())

function open(options: Partial<ConstructorParameters<typeof MasterDatabase>[0]> = {}): MasterDatabase {
  const database = new MasterDatabase({ connection, log, ...options })
  temporary.after(() => database.close())
  return database
}

const urlOf = (user: string, password: string) =>
  `postgresql://${user}:${password}@/${connection.database}?host=${encodeURIComponent(connection.host)}`

/** Everything an error would show to somebody who looks at all of it. */
const shown = (error: Error) =>
  [
    error.message,
    error.stack,
    JSON.stringify(error),
    String(error.cause),
    (error as { hint?: string }).hint,
  ].join()

describe('the master database', () => {
  it('makes its tables once, also when several nodes begin at the same moment', async () => {
    const all = Array.from({ length: 6 }, () => open())
    await Promise.all(all.map((database) => database.query('SELECT 1')))
    expect(log.text().match(/was migrated/g)).toHaveLength(masterMigrations().length)
    const { rows } = await all[0]!.query('SELECT version FROM schema_migrations ORDER BY version')
    expect(rows).toEqual(masterMigrations().map(({ version }) => ({ version })))
  })

  it('takes up a migration later, and undoes one that fails in the middle', async () => {
    await open().query('SELECT 1')
    const second = {
      version: NEWEST + 1,
      sql: 'CREATE TABLE more (id INTEGER); INSERT INTO nowhere VALUES (1);',
    }
    const broken = open({ migrations: [...masterMigrations(), second] })
    expect(await failureOf(broken.query('SELECT 1'))).toMatchObject({ code: 'Unavailable' })
    expect((await open().query("SELECT to_regclass('more') AS found")).rows).toEqual([{ found: null }])
    const whole = open({
      migrations: [...masterMigrations(), { ...second, sql: 'CREATE TABLE more (id INTEGER)' }],
    })
    expect((await whole.query('SELECT count(*)::int AS n FROM more')).rows).toEqual([{ n: 0 }])
  })

  it('refuses a schema from the future with both numbers', async () => {
    await open({ migrations: [...masterMigrations(), { version: NEWEST + 6, sql: 'SELECT 1' }] }).query(
      'SELECT 1',
    )
    const error = await failureOf(open().query('SELECT 1'))
    expect(error.code).toBe('Conflict')
    expect(error.message).toMatch(new RegExp(`schema ${NEWEST + 6};.*schema ${NEWEST}\\.`))
  })

  it('makes its tables again when the database was replaced under it', async () => {
    const registry = new PostgresRegistry({ database: open(), instanceKey: INSTANCE, now: Date.now })
    const ann = new Person('Ann')
    await registry.put('user', ann.record(1))
    await open().query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    expect(await failureOf(registry.put('user', ann.record(1)))).toMatchObject({ code: 'Unavailable' })
    expect(await registry.put('user', ann.record(1))).toBe('stored')
  })

  it('survives that PostgreSQL dies in the middle of a migration', async () => {
    const slow = { version: NEWEST + 1, sql: 'CREATE TABLE slow (id INTEGER); SELECT pg_sleep(6);' }
    const database = open({ migrations: [...masterMigrations(), slow] })
    const migrating = failureOf(database.query('SELECT 1'))
    const isSlow = "SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
    await eventually('it is in the middle', async () => (await admin.query(isSlow)).rows.length > 0)
    process.kill(postgres.pid!, 'SIGKILL')
    expect(await migrating).toMatchObject({ code: 'Unavailable' })
    const again = open()
    await eventually('the database is back', () => again.query('SELECT 1').catch(() => undefined))
    expect((await again.query("SELECT to_regclass('slow') AS found")).rows).toEqual([{ found: null }])
    await eventually('for others as well', () => admin.query('SELECT 1').catch(() => undefined))
  })

  it('leaves a transaction to nobody when a statement fails', async () => {
    const database = open()
    for (let n = 0; n < 20; n++)
      await failureOf(database.query('INSERT INTO users VALUES (NULL, 1, NULL, NULL, 0)'))
    expect((await database.query('SELECT count(*)::int AS n FROM users')).rows).toEqual([{ n: 0 }])
  })
})

describe('a PostgreSQL of somebody else', () => {
  it('is used with the right password, and neither password nor user nor host is told with a wrong one', async () => {
    await admin.query(`CREATE ROLE keeper LOGIN PASSWORD '${PASSWORD}'`)
    await admin.query(`ALTER DATABASE ${connection.database} OWNER TO keeper`)
    const access = join(folder, 'postgres/pg_hba.conf')
    writeFileSync(access, `local all keeper scram-sha-256\n${readFileSync(access, 'utf8')}`)
    process.kill(postgres.pid!, 'SIGHUP')
    const wrong = open({ connection: urlOf('keeper', 'wrong-secret-word') })
    await eventually('the password counts', () =>
      wrong.query('SELECT 1').then(
        () => false,
        () => true,
      ),
    )
    const error = await failureOf(wrong.query('SELECT 1'))
    expect(error).toMatchObject({ code: 'Unavailable', hint: expect.stringContaining('MASTER_DATABASE_URL') })
    expect(error.message).toContain('password')
    for (const secret of ['wrong-secret-word', 'keeper', connection.host, 'postgresql:'])
      expect(shown(error) + log.text()).not.toContain(secret)
    await open({ connection: urlOf('keeper', PASSWORD) }).query('SELECT 1')
  })

  it.each([
    ['nothing there', 'postgresql://u:secret-word@127.0.0.1:1/x'],
    ['no such host', 'postgresql://u:secret-word@nowhere.invalid/x'],
    ['no such folder', 'postgresql://u:secret-word@/x?host=%2Fnowhere'],
  ])('is Unavailable without a word of its URL: %s', async (_, url) => {
    const error = await failureOf(open({ connection: url }).query('SELECT 1'))
    expect(error.code).toBe('Unavailable')
    expect(shown(error)).not.toMatch(/secret-word|nowhere|127\.0\.0\.1/)
  })

  it('is Unavailable when it accepts and then says nothing', async () => {
    const silent = createServer((socket) => socket.resume())
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    temporary.after(() => silent.close())
    const { port } = silent.address() as { port: number }
    const database = open({ connection: `postgresql://u:secret-word@127.0.0.1:${port}/x` })
    expect(await failureOf(database.query('SELECT 1'))).toMatchObject({ code: 'Unavailable' })
  })

  it.each(['', 'mysql://u:secret-word@host/x', 'secret-word', 'postgresql://u:secret-word@host:99999/x'])(
    'is refused when the URL is none: %s',
    (url) => {
      const make = () => new MasterDatabase({ connection: url, log })
      expect(make).toThrow(/MASTER_DATABASE_URL/)
      try {
        make()
      } catch (error) {
        expect(shown(error as Error)).not.toContain('secret-word')
      }
    },
  )
})
