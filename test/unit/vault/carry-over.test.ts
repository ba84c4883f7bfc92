import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { carryOver } from '../../../daemon/carry-over.ts'
import type { UserDatabaseManager } from '../../../daemon/users/user-database-manager.ts'
import { CARRIED } from '../../../daemon/vault/carry-actions.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { REPLICATED_ENTITIES } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'

const CONSENT = new Uint8Array(40).fill(9)
const INSERT = 'INSERT' as const

/** Two users of one node: nothing of their keys is the same. */
function twoUsers() {
  const [first, second] = [pairedVaults(1), pairedVaults(1)]
  const [old, next] = [first.vaults[0]!, second.vaults[0]!]
  const users = {
    getClient: async (did: string) => ({
      replicate: async (action: keyof PairedVault['replica'], params: never) =>
        (did === first.did ? old : next).replica[action](params),
    }),
  } as unknown as UserDatabaseManager
  const carry = () => carryOver(users, first.did, second.did, async () => CONSENT)
  return {
    old,
    next,
    carry,
    [Symbol.dispose]: () => {
      first[Symbol.dispose]()
      second[Symbol.dispose]()
    },
  }
}

function write({ vault }: PairedVault, ...changes: FactChange[]): void {
  vault.transact((tx) => tx.write(changes))
}

/** What a table shows, without what is of one vault alone. */
function shown({ vault }: PairedVault, table: string): object[] {
  return vault
    .all<Record<string, unknown>>(`SELECT * FROM ${table} WHERE space = ? ORDER BY id`, [vault.space])
    .map(({ space: _, clock: __, ...row }) => row)
}

test('everything that a vault shows is said anew in another one, and goes on where it was interrupted', async () => {
  using two = twoUsers()
  const { old, next, carry } = two
  const blob = randomBytes(300_000)
  const long = JSON.stringify([{ type: 'text', content: 'x'.repeat(30_000) }])
  const hash = old.vault.transact((tx) => tx.putBlob(blob, 'c1'))
  const secrets = Buffer.from('[["marker","secret"]]')
  write(
    old,
    { kind: INSERT, entity: 'Conversation', key: 'c1', values: { title: 'One', provider: 'test' } },
    { kind: INSERT, entity: 'Conversation', key: 'c2', values: { title: 'In the trash' } },
    { kind: 'DELETE', entity: 'Conversation', key: 'c2' },
    { kind: INSERT, entity: 'Message', key: 'm1', values: { conversation_id: 'c1', role: 'user' } },
    { kind: INSERT, entity: 'MessageVersion', key: 'm1:a', values: { message_id: 'm1', parts_blob: hash } },
    {
      ...{ kind: INSERT, entity: 'MessageVersion', key: 'm1:b' },
      values: { message_id: 'm1', parts_json: long, sealed: old.vault.seal('span', secrets) },
    },
    // Written one by one: more than one operation holds.
    { kind: INSERT, entity: 'Notebook', key: 'n1', values: { name: 'a'.repeat(40_000) } },
    { kind: 'UPDATE', entity: 'Notebook', key: 'n1', values: { description: 'b'.repeat(40_000) } },
    { kind: INSERT, entity: 'NotebookEntry', key: 'e1', values: { notebook_id: 'n1', sort_order: 0.5 } },
    { kind: INSERT, entity: 'NotebookEntry', key: 'gone', values: { notebook_id: 'n1' } },
    { kind: 'DELETE', entity: 'NotebookEntry', key: 'gone' },
    { kind: INSERT, entity: 'Petname', key: 'did:a', values: { name: 'Annie', named_at: 5 } },
    {
      ...{ kind: INSERT, entity: 'Contact', key: 'did:a' },
      values: {
        state: 'accepted',
        trust: 'close',
        own_consent: secrets,
        their_consent: secrets,
        confirmed_at: 5,
      },
    },
    { kind: INSERT, entity: 'Contact', key: 'did:b', values: { state: 'removed', blocked: 1 } },
    { kind: INSERT, entity: 'Device', key: 'did:device', values: { name: 'Old laptop' } },
  )
  old.vault.transact((tx) =>
    tx.write([
      {
        kind: 'TEXT',
        entity: 'NotebookEntry',
        key: 'e1',
        edits: { body: [{ at: 0, delete: 0, insert: 'note '.repeat(20_000) }] },
      },
      { kind: 'COUNTER', entity: 'NotebookEntry', key: 'e1', amounts: { tally: 7 } },
    ]),
  )
  old.vault.transact((tx) =>
    tx.run(
      'INSERT INTO raw_records (conversation_id, content_hash, captured_at, sealed) VALUES (?, ?, ?, ?)',
      [...['c1', 'hash', 5], old.vault.seal('raw', blob)],
    ),
  )

  expect(await carry()).toEqual({ conversations: 2, rows: 10 })
  for (const table of ['conversations', 'messages', 'notebooks', 'petnames'])
    expect(shown(next, table), table).toEqual(shown(old, table))
  const [entry, ...more] = shown(next, 'notebook_entries')
  expect(more).toEqual([])
  expect(entry).toEqual(shown(old, 'notebook_entries').find((row) => (row as { id: string }).id === 'e1'))
  expect(shown(next, 'devices')).toEqual([])
  expect(next.replica.contact({ did: 'did:a' })).toMatchObject({
    ...{ state: 'accepted', trust: 'close', petname: 'Annie', confirmedAt: null, hasTheirConsent: false },
  })
  expect(next.replica.contact({ did: 'did:b' })).toMatchObject({ blocked: true })
  const own = next.vault.get<{ own_consent: Uint8Array }>(
    "SELECT own_consent FROM contacts WHERE id = 'did:a'",
  )
  expect(new Uint8Array(own!.own_consent)).toEqual(CONSENT)
  expect(Buffer.from(next.vault.getBlob(hash)!).equals(blob)).toBe(true)
  const version = next.vault.get<{ sealed: Uint8Array; parts_json: string }>(
    "SELECT sealed, parts_json FROM message_versions WHERE id = 'm1:b'",
  )!
  expect(version.parts_json).toBe(long)
  expect(Buffer.from(next.vault.unseal('span', version.sealed)).equals(secrets)).toBe(true)
  expect(() => old.vault.unseal('span', version.sealed)).toThrow(expect.objectContaining({ code: 'Corrupt' }))
  const raw = next.vault.get<{ sealed: Uint8Array }>('SELECT sealed FROM raw_records')!
  expect(Buffer.from(next.vault.unseal('raw', raw.sealed)).equals(blob)).toBe(true)
  expect(next.vault.all('SELECT conversation_id FROM derivation_queue ORDER BY 1')).toHaveLength(2)

  // Again: what is there stays as it is, what came since is carried.
  write(next, { kind: 'UPDATE', entity: 'Conversation', key: 'c1', values: { custom_title: 'Mine' } })
  write(old, { kind: INSERT, entity: 'Conversation', key: 'c3', values: { title: 'Three' } })
  expect(await carry()).toEqual({ conversations: 1, rows: 1 })
  expect(next.vault.get("SELECT custom_title FROM conversations WHERE id = 'c1'")).toEqual({
    custom_title: 'Mine',
  })
})

test('more rows than one transaction takes are carried', async () => {
  using two = twoUsers()
  const many = LIMITS.carriedRows * 2 + 3
  for (let at = 0; at < many; at++)
    write(two.old, { kind: INSERT, entity: 'ConversationTag', key: `t${at}`, values: { tag: `${at}` } })
  expect(await two.carry()).toEqual({ conversations: 0, rows: many })
  expect(shown(two.next, 'conversation_tags')).toEqual(shown(two.old, 'conversation_tags'))
})

test('every replicated table is carried but those of devices and of letters', () => {
  const left = REPLICATED_ENTITIES.map(({ name }) => name).filter((name) => !CARRIED.includes(name))
  expect(left).toEqual(['Device', 'Floor', 'PeerLetter'])
})
