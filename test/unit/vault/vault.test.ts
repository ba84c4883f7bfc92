import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeOperation } from '../../../crdt/operation.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { Database } from '../../../daemon/vault/database.ts'
import { Logs } from '../../../daemon/vault/logs.ts'
import { latestSchemaVersion, migrate, userMigrations } from '../../../daemon/vault/migrations.ts'
import { openVault } from '../../../daemon/vault/open-vault.ts'
import { RowStore } from '../../../daemon/vault/row-store.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation, ENTITY_BY_NUMBER, Message } from '../../../schema/entities/index.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { seededRandom } from '../../support/seed.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const conversation = (key: string, values = {}): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: `title of ${key}`, provider: 'test', state: 'ACTIVE', version: 1, ...values },
})
const message = (conversationId: string, key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Message',
  key,
  values: { conversation_id: conversationId, role: 'user', position: 0, hidden: 0 },
})
const NEXT = latestSchemaVersion() + 1
const noPause = async () => {}
const verify = ({ vault }: Pick<ReturnType<typeof temporaryVault>, 'vault'>) =>
  verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), noPause)
const digest = ({ vault }: Pick<ReturnType<typeof temporaryVault>, 'vault'>) =>
  stateDigest(vault, vault.logs, vault.space)

describe('vault', () => {
  test('commits survive reopening, and the chain goes on', async () => {
    using temporary = temporaryVault()
    temporary.vault.transact((tx) => tx.write([conversation('a'), message('a', 'm')]))
    const before = digest(temporary)
    temporary.reopen()
    expect(digest(temporary)).toBe(before)
    temporary.vault.transact((tx) =>
      tx.write([{ kind: 'UPDATE', entity: 'Conversation', key: 'a', values: { custom_title: 'mine' } }]),
    )
    expect(digest(temporary)).not.toBe(before)
    expect(await verify(temporary)).toEqual({ operations: 3, rows: 2, problems: [] })
  })

  test('a transaction that throws leaves nothing: no row, no operation, no clock', async () => {
    using temporary = temporaryVault()
    temporary.vault.transact((tx) => tx.write([conversation('a')]))
    const before = digest(temporary)
    expect(() =>
      temporary.vault.transact((tx) => {
        tx.write([conversation('b'), message('b', 'm')])
        throw new Error('stop')
      }),
    ).toThrow('stop')
    expect(digest(temporary)).toBe(before)
    temporary.vault.transact((tx) => tx.write([conversation('c')]))
    expect(await verify(temporary)).toEqual({ operations: 2, rows: 2, problems: [] })
  })

  test('one signature per 256 operations, later ones superseding earlier', async () => {
    using temporary = temporaryVault()
    for (let i = 0; i < 600; i++) temporary.vault.transact((tx) => tx.write([conversation(`c${i}`)]))
    temporary.reopen()
    for (let i = 600; i < 620; i++) temporary.vault.transact((tx) => tx.write([conversation(`c${i}`)]))
    const segments = temporary.vault.all<{ first: number; count: number; closed: number }>(
      'SELECT first, count, closed FROM segments ORDER BY first',
    )
    expect(segments).toEqual([
      { first: 1, count: 256, closed: 1 },
      { first: 257, count: 256, closed: 1 },
      { first: 513, count: 108, closed: 0 },
    ])
    expect((await verify(temporary)).problems).toEqual([])
  })

  test('a stranger’s file, a newer schema and a wrong key are refused in words', () => {
    using temporary = temporaryVault()
    temporary.vault.close()
    expect(() => openVault({ ...temporary.options, did: 'did:key:z6MkOther' })).toThrow(/somebody else/)
    const database = new Database(temporary.path)
    database.script('PRAGMA user_version = 99')
    database.close()
    expect(() => openVault(temporary.options)).toThrow(
      new RegExp(`schema 99.*schema ${latestSchemaVersion()}`),
    )
    expect(temporary.vault.seal('a', Buffer.from('x'))).toEqual(temporary.vault.seal('a', Buffer.from('x')))
    expect(() => temporary.vault.unseal('b', temporary.vault.seal('a', Buffer.from('x')))).toThrow(
      /failed its check/,
    )
  })

  test('a migration copies the vault first, and a second run does nothing', () => {
    using temporary = temporaryVault()
    temporary.vault.transact((tx) => tx.write([conversation('a')]))
    temporary.vault.close()
    const database = new Database(temporary.path)
    const next = [
      ...userMigrations(),
      { version: NEXT, sql: 'ALTER TABLE conversations ADD COLUMN later TEXT;' },
    ]
    migrate(database, temporary.path, next)
    migrate(database, temporary.path, next)
    expect(database.get('SELECT later FROM conversations')).toEqual({ later: null })
    expect(() => migrate(database, temporary.path)).toThrow(new RegExp(`schema ${NEXT}`))
    database.close()
    expect(readdirSync(temporary.folder)).toContain(`vault.db.before-${String(NEXT).padStart(3, '0')}`)
  })

  test('a broken migration changes nothing', () => {
    using temporary = temporaryVault()
    temporary.vault.close()
    const database = new Database(temporary.path)
    const broken = [...userMigrations(), { version: NEXT, sql: 'CREATE TABLE half (x); SELECT nonsense;' }]
    expect(() => migrate(database, temporary.path, broken)).toThrow()
    if (database.inTransaction) database.run('ROLLBACK')
    expect(database.get("SELECT name FROM sqlite_master WHERE name = 'half'")).toBeUndefined()
    expect(database.get('PRAGMA user_version')).toEqual({ user_version: latestSchemaVersion() })
    database.close()
  })

  test('the blob of one conversation survives the erasing of another with the same bytes', () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    const bytes = Buffer.alloc(700_000, 'long text ')
    const hash = vault.transact((tx) => {
      tx.putBlob(bytes, 'a')
      return tx.putBlob(bytes, 'b')
    })
    vault.run("DELETE FROM blobs WHERE conversation_id = 'a'")
    expect(Buffer.from(vault.getBlob(hash)!).equals(bytes)).toBe(true)
    vault.run("DELETE FROM blobs WHERE conversation_id = 'b' AND chunk = 1")
    expect(() => vault.getBlob(hash)).toThrow(/failed its check/)
    expect(vault.getBlob('nothing')).toBeUndefined()
  })
})

describe('order and batching', () => {
  test('the same operations in any order and batching give one digest', () => {
    using source = temporaryVault()
    const { vault } = source
    const random = seededRandom('order and batching').next
    for (let i = 0; i < 150; i++)
      vault.transact((tx) => {
        const key = `c${Math.floor(random() * 12)}`
        const kind = (['INSERT', 'UPDATE', 'UPDATE', 'DELETE', 'UNDELETE'] as const)[
          Math.floor(random() * 5)
        ]!
        const values = { title: `t${i}`, ...(random() < 0.5 ? { state: 'ARCHIVED' } : { version: i }) }
        tx.write([{ kind, entity: 'Conversation', key, ...(kind.endsWith('DELETE') ? {} : { values }) }])
      })
    const expected = digest(source)
    const operations = vault.all<{ log: number; seq: number; hash: Uint8Array; body: Uint8Array }>(
      'SELECT log, seq, hash, body FROM sync_operations',
    )
    for (let run = 0; run < 20; run++) {
      const shuffled = [...operations, ...operations.slice(0, 40)].sort(() => random() - 0.5)
      using copy = temporaryVault()
      copy.vault.run('UPDATE logs SET device = ?', [vault.logs.list(vault.space)[0]!.device])
      const logs = new Logs(copy.vault)
      const rows = new RowStore(copy.vault, logs.deviceOf)
      while (shuffled.length > 0)
        rows.merge(
          copy.vault.space,
          shuffled.splice(0, 1 + Math.floor(random() * 30)).map(({ log, seq, hash, body }) => {
            const operation = decodeOperation(body)
            const { ms, counter } = operation.hlc
            const stamp = { ms, counter, log, hash: hash.slice(0, 8) }
            return { entity: ENTITY_BY_NUMBER.get(operation.table)!, operation, stamp, seq }
          }),
        )
      expect(stateDigest(copy.vault, logs, copy.vault.space)).toBe(expected)
    }
  })
})

describe('verify sees', () => {
  const damages: Record<string, { sql: string; kind: string }> = {
    'a changed row': { sql: "UPDATE conversations SET title = 'other' WHERE id = 'c3'", kind: 'row' },
    'a removed row': { sql: "DELETE FROM conversations WHERE id = 'c3'", kind: 'row' },
    'an undeleted row': { sql: "UPDATE conversations SET deleted = 1 WHERE id = 'c3'", kind: 'row' },
    'a row nobody wrote': {
      sql: "INSERT INTO conversations (space, id, clock) VALUES (1, 'ghost', x'')",
      kind: 'row',
    },
    'a changed body': {
      sql: "UPDATE sync_operations SET body = CAST(substr(body, 1, length(body) - 1) || x'00' AS BLOB) WHERE seq = 4",
      kind: 'chain',
    },
    'a removed operation': { sql: 'DELETE FROM sync_operations WHERE seq = 9', kind: 'chain' },
    'two operations swapped': {
      sql: 'UPDATE sync_operations SET seq = CASE seq WHEN 2 THEN 30 WHEN 3 THEN 2 ELSE seq END',
      kind: 'chain',
    },
    'a cut end': { sql: 'UPDATE logs SET head_seq = head_seq - 1', kind: 'chain' },
    'a changed signature': { sql: 'UPDATE segments SET signature = zeroblob(64)', kind: 'signature' },
    'a changed count': { sql: 'UPDATE segments SET count = count - 1', kind: 'signature' },
  }
  test.each(Object.entries(damages))('%s', async (_, { sql, kind }) => {
    using temporary = temporaryVault()
    for (let i = 0; i < 10; i++) temporary.vault.transact((tx) => tx.write([conversation(`c${i}`)]))
    expect((await verify(temporary)).problems).toEqual([])
    expect(temporary.vault.run(sql)).toBeGreaterThan(0)
    expect((await verify(temporary)).problems.map((problem) => problem.kind)).toContain(kind)
  })
})

describe('erase', () => {
  test('leaves no byte, keeps the chain valid, and refuses the same key', async () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    const canary = 'canary-7f3a'
    vault.transact((tx) => tx.write([conversation('kept')]))
    for (let i = 0; i < 5; i++)
      vault.transact((tx) =>
        tx.write([conversation('gone', { title: `${canary} ${i}` }), message('gone', 'm-gone')]),
      )
    vault.transact((tx) => tx.write([conversation('later')]))
    expect(await byteSearch(temporary.folder, canary)).not.toEqual([])
    vault.transact((tx) => {
      vault.erase(tx, [
        { entity: Conversation, key: 'gone' },
        { entity: Message, key: 'm-gone' },
      ])
    })
    expect(vault.purgePending).toBe(true)
    vault.purge()
    expect(vault.purgePending).toBe(false)
    for (const needle of [canary, 'gone']) expect(await byteSearch(temporary.folder, needle)).toEqual([])
    expect((await verify(temporary)).problems).toEqual([])
    expect(() => vault.transact((tx) => tx.write([conversation('gone')]))).toThrow(/erased for good/)
    temporary.reopen()
    expect(() => temporary.vault.transact((tx) => tx.write([conversation('gone')]))).toThrow(
      /erased for good/,
    )
    temporary.vault.transact((tx) => tx.write([conversation('after')]))
    expect((await verify(temporary)).problems).toEqual([])
    expect(temporary.vault.all('SELECT id FROM conversations ORDER BY id')).toEqual(
      ['after', 'kept', 'later'].map((id) => ({ id })),
    )
  })

  test('a failed statement can be used again, and a copy left by a crash goes', () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    const insert = "INSERT INTO meta (name, value) VALUES ('once', ?)"
    vault.run(insert, ['a'])
    expect(() => vault.run(insert, ['b'])).toThrow(/UNIQUE/)
    vault.run("DELETE FROM meta WHERE name = 'once'")
    vault.run(insert, ['c'])
    writeFileSync(`${temporary.path}.compact`, 'half a copy with a canary-11')
    temporary.reopen()
    expect(byteSearch(temporary.folder, 'canary-11')).toEqual([])
  })

  test('copies made before migrations go with an erase', () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    vault.transact((tx) => tx.write([conversation('gone')]))
    writeFileSync(`${temporary.path}.before-002`, 'a copy with a canary-12')
    vault.transact((tx) => vault.erase(tx, [{ entity: Conversation, key: 'gone' }]))
    vault.purge()
    expect(byteSearch(temporary.folder, 'canary-12')).toEqual([])
  })

  test('what stays of a segment confirms no guess of what went', () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    vault.transact((tx) => tx.write([conversation('a'), conversation('b')]))
    vault.transact((tx) => vault.erase(tx, [{ entity: Conversation, key: 'a' }]))
    const [segment] = vault.all<{ seed: unknown }>('SELECT seed FROM segments WHERE first = 1')
    expect(segment!.seed).toBeNull()
    const rows = vault.all<{ body: unknown; salt: unknown; commitment: unknown }>(
      'SELECT body, salt, commitment FROM sync_operations WHERE seq <= 2 ORDER BY seq',
    )
    expect(rows[0]).toMatchObject({ body: null, salt: null })
    expect(rows[1]).toMatchObject({ commitment: null })
    expect(rows[1]!.salt).toHaveLength(16)
  })
})

describe('kill -9', () => {
  test('every acknowledged write is there after a kill in the middle of writing', {
    timeout: 60_000,
  }, async () => {
    using temporary = temporaryVault()
    temporary.vault.close()
    const script = join(temporary.folder, 'writer.ts')
    const module = new URL('../../../daemon/vault/open-vault.ts', import.meta.url)
    const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
    const options = { path: temporary.path, did: temporary.options.did }
    writeFileSync(
      script,
      `import { createPrivateKey, randomBytes } from 'node:crypto'
       import { openVault } from ${JSON.stringify(module.href)}
       const vault = openVault({ ...${JSON.stringify(options)}, deviceKey: createPrivateKey(${JSON.stringify(key)}),
         vaultKey: Buffer.alloc(32), spaceSecret: Buffer.alloc(32), now: Date.now, random: randomBytes })
       for (let i = 0; ; i++) {
         const id = process.argv[2] + '-' + i
         vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: 'Conversation', key: id, values: { title: id.repeat(50) } }]))
         process.send(id)
       }`,
    )
    const acknowledged: string[] = []
    const random = seededRandom('kill -9').next
    for (let round = 0; round < 8; round++) {
      const child = fork(script, [`r${round}`], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      let first: () => void = () => {}
      const started = new Promise<void>((resolve) => {
        first = resolve
      })
      child.on('message', (id) => {
        acknowledged.push(String(id))
        first()
      })
      await started
      await new Promise((resolve) => setTimeout(resolve, 5 + random() * 80))
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('close', resolve))
      rmSync(`${temporary.path}.lock`, { recursive: true, force: true }) // the daemon does this under its lock
    }
    const vault = temporary.reopen()
    const present = new Set(vault.all<{ id: string }>('SELECT id FROM conversations').map(({ id }) => id))
    expect(acknowledged.length).toBeGreaterThan(8)
    expect(acknowledged.filter((id) => !present.has(id))).toEqual([])
    expect((await verify({ vault })).problems).toEqual([])
  })
})
