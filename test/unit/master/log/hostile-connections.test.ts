import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { privateKeyOfSeed, publicKeyBytes } from '../../../../daemon/identity/ed25519.ts'
import { peerIdOf } from '../../../../daemon/identity/node-key.ts'
import { MasterDatabase } from '../../../../daemon/master/database.ts'
import { EmbeddedPostgres } from '../../../../daemon/master/embedded-postgres.ts'
import { LogReader } from '../../../../daemon/master/log/log-reader.ts'
import { PostgresRegistry } from '../../../../daemon/master/postgres-registry.ts'
import { LIMITS } from '../../../../schema/limits.ts'
import { Person } from '../people.ts'
import { failureOf, recordingLog, Temporary } from '../temporary.ts'

const KEY = privateKeyOfSeed(new Uint8Array(32).fill(9))
const INSTANCE = { publicKey: publicKeyBytes(KEY), peerId: peerIdOf(publicKeyBytes(KEY)) }
const forGood = new Temporary()
let postgres: EmbeddedPostgres
let people = 0
beforeAll(async () => {
  postgres = await EmbeddedPostgres.start({ folder: forGood.folder(), log: recordingLog() })
  forGood.after(() => postgres.stop())
})
afterAll(() => forGood.undo())

let temporary: Temporary
let database: MasterDatabase
let registry: PostgresRegistry
let reader: LogReader
let ann: Person
let ben: Person
let cleo: Person
const counted = new Map<string, number>()
beforeEach(async () => {
  temporary = new Temporary()
  database = new MasterDatabase({ connection: postgres.connection, log: recordingLog() })
  temporary.after(() => database.close())
  counted.clear()
  const count = (name: string) => void counted.set(name, (counted.get(name) ?? 0) + 1)
  registry = new PostgresRegistry({ database, instanceKey: KEY, now: Date.now, count })
  reader = readerIn(join(temporary.folder(), 'reader.json'))
  ;[ann, ben, cleo] = ['Ann', 'Ben', 'Cleo'].map((name) => new Person(`${name} ${people++}`)) as [
    Person,
    Person,
    Person,
  ]
  for (const person of [ann, ben, cleo]) await registry.put('device', person.document())
})
afterEach(() => temporary.undo())

function readerIn(file: string): LogReader {
  return new LogReader({
    file,
    instance: INSTANCE,
    registry,
    now: Date.now,
    log: recordingLog(),
    count: () => {},
    onGeneration: () => {},
  })
}

const kinds = () => reader.report().findings.map(({ kind }) => kind)
const put = (bytes: Uint8Array) => registry.put('connection', bytes)
/** What Ben's node believes of an answer: who wrote to whom, and with which sequence. */
const seenByBen = async (since = 0) =>
  (await reader.connections(ben.did, since, (instance) => ben.question(instance, { since }))).map(
    ({ did, subject, sequence }) => [did, subject, sequence],
  )
const change = (sql: string, from: Person, to: Person, ...values: unknown[]) =>
  database.query(`${sql} WHERE from_did = $1 AND to_did = $2`, [from.did, to.did, ...values])

describe('a reader of what people write to somebody', () => {
  beforeEach(async () => {
    await put(ann.connection(ben, 5))
    await put(ben.connection(ann, 6))
    await put(cleo.connection(ben, 7))
    expect(await seenByBen()).toHaveLength(3)
    expect(kinds()).toEqual([])
  })

  it('believes nothing that was changed, or is somebody else’s, and is well once it is', async () => {
    const edited = Uint8Array.from(ann.connection(ben, 8))
    edited[edited.length - 100]! ^= 1
    await change('UPDATE peer_connections SET record = $3', ann, ben, Buffer.from(edited))
    expect(await seenByBen()).toHaveLength(2)
    expect(kinds()).toContain('connection-forged')
    await change('UPDATE peer_connections SET record = $3', ann, ben, Buffer.from(ann.connection(cleo, 8)))
    expect(await seenByBen()).toHaveLength(2)
    expect(kinds()).toContain('connection-forged')
    await change('DELETE FROM peer_connections', ann, ben)
    await put(ann.connection(ben, 9))
    expect(await seenByBen()).toHaveLength(3)
    expect(kinds()).toEqual([])
  })

  it('notices what was there before and is older now, also across a restart', async () => {
    await put(ann.connection(ben, 8))
    expect(await seenByBen(Date.now() - 60_000)).toContainEqual([ann.did, ben.did, 8])
    const file = join(temporary.folder(), 'reader.json')
    reader = readerIn(file)
    await seenByBen()
    await change('UPDATE peer_connections SET record = $3', ann, ben, Buffer.from(ann.connection(ben, 5)))
    reader = readerIn(file)
    await seenByBen()
    expect(kinds()).toEqual(['connection-replayed'])
  })

  it('notices what is gone where both have written, and lets go what nobody answered', async () => {
    await change('DELETE FROM peer_connections', cleo, ben)
    await seenByBen()
    expect(kinds()).toEqual([])
    await change('DELETE FROM peer_connections', ann, ben)
    // Part of an answer says nothing of it.
    await seenByBen(Date.now() + 60_000)
    expect(kinds()).toEqual([])
    await seenByBen()
    expect(kinds()).toEqual(['connection-dropped'])
    // What is well with the person's own records is nothing to go by.
    await reader.find(ben.did)
    expect(kinds()).toEqual(['connection-dropped'])
    await put(ann.connection(ben, 9))
    await seenByBen()
    expect(kinds()).toEqual([])
  })

  it('does not miss what goes with an account that its root key ended', async () => {
    await registry.put('tombstone', ann.tombstone())
    expect(await seenByBen()).toEqual([[cleo.did, ben.did, 7]])
    expect(kinds()).toEqual([])
  })

  it('notices what was put into the table and not into the log', async () => {
    await change('UPDATE peer_connections SET record = $3', ann, ben, Buffer.from(ann.connection(ben, 9)))
    await seenByBen()
    expect(kinds()).toEqual(['connection-not-logged'])
  })

  it('does not let a date far ahead hold the place of what comes', async () => {
    await put(ann.connection(ben, Number.MAX_SAFE_INTEGER, { device: 'stolen' }))
    await seenByBen()
    await registry.put('entry', ann.revocation(1, 'stolen'))
    await put(ann.connection(ben, 9))
    expect(await seenByBen()).toContainEqual([ann.did, ben.did, 9])
    expect(kinds()).toEqual([])
  })
})

describe('what a master keeps of connections', () => {
  const fill = (count: number, from: string, to: string) =>
    database.query(
      `INSERT INTO peer_connections SELECT ${from}, ${to}, 1, '\\x00', n FROM generate_series(1, ${count}) n`,
    )

  it(`is ${LIMITS.registryConnections} of one person`, async () => {
    await put(ann.connection(ben, 5))
    await fill(LIMITS.registryConnections - 1, `'${ann.did}'`, "'to ' || n")
    expect(await failureOf(put(ann.connection(cleo, 5)))).toMatchObject({ code: 'Exhausted' })
    expect(await put(ann.connection(ben, 6))).toBe('stored')
    expect(await put(cleo.connection(ben, 6))).toBe('stored')
    expect(counted.size).toBe(0)
  })

  it(`is the newest ${LIMITS.registryConnectionsTo} to one person of whom they never wrote to, and is counted`, async () => {
    await fill(LIMITS.registryConnectionsTo, `'from ${people} ' || n`, `'${ben.did}'`)
    expect(await put(ann.connection(ben, 5))).toBe('stored')
    const { rows } = await database.query(
      'SELECT from_did FROM peer_connections WHERE to_did = $1 ORDER BY updated_at',
      [ben.did],
    )
    expect(rows).toHaveLength(LIMITS.registryConnectionsTo)
    expect([rows[0]?.from_did, rows.at(-1)?.from_did]).toEqual([`from ${people} 2`, ann.did])
    expect([...counted]).toEqual([['master.connections.pushed_out', 1]])
  })
})
