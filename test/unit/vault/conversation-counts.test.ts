import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Derivation } from '../../../daemon/knowledge/derivation.ts'
import { deriveConversation } from '../../../daemon/knowledge/derive.ts'
import { forgetConversation, storeConversation } from '../../../daemon/knowledge/derived-store.ts'
import { conversationCounts } from '../../../daemon/vault/conversation-counts.ts'
import { rowsOfConversation } from '../../../daemon/vault/conversation-rows.ts'
import { Database } from '../../../daemon/vault/database.ts'
import { migrate, userMigrations } from '../../../daemon/vault/migrations.ts'
import type { OpenVault } from '../../../daemon/vault/open-vault.ts'
import type { Sql } from '../../../daemon/vault/sql.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'
import { conversationOf, say } from '../knowledge/fixtures/stored-conversations.ts'

/** The same, with every row looked at. */
function countedAnew(sql: Sql, space: number) {
  const count = (what: string) => sql.get<{ n: number }>(`SELECT count(*) AS n FROM ${what}`)!.n
  const shown = `conversations c WHERE c.space = ${space} AND c.deleted = 0`
  return {
    conversations: count(shown),
    archived: count(`${shown} AND c.state = 'ARCHIVED'`),
    trash: count(`conversations WHERE space = ${space} AND deleted = 1`),
    messages: count(
      `messages m NOT INDEXED JOIN conversations c ON c.space = m.space AND c.id = m.conversation_id
       WHERE m.space = ${space} AND m.deleted = 0 AND c.deleted = 0`,
    ),
    units: count('atomic_chat_units NOT INDEXED'),
    topics: count('topic_profiles'),
    pending: count('derivation_queue'),
    providers: sql.all(
      `SELECT ifnull(provider, 'unknown') AS provider, count(*) AS conversations FROM ${shown}
       GROUP BY 1 ORDER BY 2 DESC, 1`,
    ),
  }
}

function expectExact({ vault }: { readonly vault: OpenVault }): void {
  expect(conversationCounts(vault, vault.space)).toEqual(countedAnew(vault, vault.space))
  const kept = vault.all<{ conversation_id: string; messages: number }>(
    'SELECT conversation_id, messages FROM message_counts ORDER BY conversation_id',
  )
  const there = vault.all<{ conversation_id: string; messages: number }>(
    `SELECT conversation_id, count(*) AS messages FROM messages
     WHERE deleted = 0 AND conversation_id IS NOT NULL GROUP BY conversation_id ORDER BY conversation_id`,
  )
  // What has no message left has no row: not even the name of something that was erased stays.
  expect(kept).toEqual(there)
  const units = 'SELECT conversation_id, units FROM conversation_unit_counts ORDER BY conversation_id'
  expect(vault.all(units)).toEqual(
    vault.all(
      `SELECT conversation_id, count(DISTINCT acu_id) AS units FROM acu_occurrences
       GROUP BY conversation_id ORDER BY conversation_id`,
    ),
  )
}

const someConversation = fc.integer({ min: 0, max: 4 }).map((n) => `c${n}`)
const someMessage = fc.integer({ min: 0, max: 12 }).map((n) => `m${n}`)
const write = fc.oneof<fc.Arbitrary<FactChange>[]>(
  fc.record({
    kind: fc.constantFrom('INSERT' as const, 'UPDATE' as const),
    entity: fc.constant('Conversation' as const),
    key: someConversation,
    values: fc.record({
      provider: fc.constantFrom('a', 'b', null),
      state: fc.constantFrom('ACTIVE', 'ARCHIVED', null),
    }),
  }),
  fc.record({
    kind: fc.constantFrom('INSERT' as const, 'UPDATE' as const),
    entity: fc.constant('Message' as const),
    key: someMessage,
    values: fc.record({ conversation_id: fc.oneof(someConversation, fc.constant(null)) }),
  }),
  fc.record({
    kind: fc.constantFrom('DELETE' as const, 'UNDELETE' as const),
    entity: fc.constant('Message' as const),
    key: someMessage,
  }),
  fc.record({
    kind: fc.constantFrom('DELETE' as const, 'UNDELETE' as const),
    entity: fc.constant('Conversation' as const),
    key: someConversation,
  }),
)
type Step =
  | { readonly write: readonly FactChange[] }
  | { readonly erase: string }
  | { readonly derive: string; readonly texts: readonly string[] }
  | { readonly forget: string }
  | { readonly pull: true }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ write: fc.array(write, { minLength: 1, maxLength: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ erase: someConversation }) },
  {
    weight: 3,
    arbitrary: fc.record({
      derive: someConversation,
      texts: fc.array(fc.constantFrom('Bread needs salt.', 'The oven is hot.', 'Rye keeps for a week.')),
    }),
  },
  { weight: 1, arbitrary: fc.record({ forget: someConversation }) },
  { weight: 2, arbitrary: fc.constant({ pull: true as const }) },
)

function take(at: PairedVault, other: PairedVault, step: Step): void {
  const { vault } = at
  if ('write' in step)
    vault.transact((tx) => tx.write(step.write.filter(({ entity, key }) => !tx.isErased(entity, key))))
  else if ('erase' in step)
    vault.transact((tx) => vault.erase(tx, rowsOfConversation(tx, vault.space, step.erase)))
  else if ('derive' in step) {
    const derived = deriveConversation(
      conversationOf(
        step.derive,
        step.texts.map((text) => say('user', text)),
      ),
    )
    vault.transactDerived((tx) => storeConversation(tx, vault.space, derived))
  } else if ('forget' in step) vault.transactDerived((tx) => forgetConversation(tx, vault.space, step.forget))
  else pull(at, other)
}

describe('what is counted of a vault', () => {
  test('is what counting anew says, whatever was written, merged, erased and derived', {
    timeout: 240_000,
  }, () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 1 }), step), { minLength: 1, maxLength: 30 }), (steps) => {
        using pair = pairedVaults(2)
        const vaults = pair.vaults as [PairedVault, PairedVault]
        for (const [at, one] of steps) {
          take(vaults[at]!, vaults[1 - at]!, one)
          expectExact(vaults[at]!)
        }
        for (const at of [0, 1]) take(vaults[at]!, vaults[1 - at]!, { pull: true })
        for (const vault of vaults) expectExact(vault)
      }),
      { numRuns: 15 },
    )
  })

  test('stays exact when all units are made again, and when rows are', async () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    vault.transact((tx) => {
      for (const id of ['a', 'b']) {
        tx.write([
          { kind: 'INSERT', entity: 'Conversation', key: id, values: { provider: 'test', state: 'ACTIVE' } },
          {
            kind: 'INSERT',
            entity: 'Message',
            key: `${id}1`,
            values: { conversation_id: id, role: 'user', position: 0, hidden: 0, version_hash: 'v' },
          },
          {
            kind: 'INSERT',
            entity: 'MessageVersion',
            key: `${id}1:v`,
            values: { parts_json: JSON.stringify([{ type: 'text', content: `Bread ${id} needs salt.` }]) },
          },
        ])
        tx.run('INSERT INTO derivation_queue (conversation_id, queued_at) VALUES (?, 1)', [id])
      }
    })
    const derivation = new Derivation({ vault, onError: (_, error) => expect.fail(String(error)) })
    derivation.wake()
    await derivation.settled(new AbortController().signal)
    expect(conversationCounts(vault, vault.space)).toMatchObject({ conversations: 2, messages: 2, units: 2 })
    expectExact(temporary)
    await derivation.rebuild(new AbortController().signal)
    expectExact(temporary)
    await derivation.stop()
    // Somebody damaged the file: the row is made again from its operation.
    vault.run("UPDATE messages SET conversation_id = 'b' WHERE id = 'a1'")
    expectExact(temporary)
    const found = await vault.remaker.find([{ table: 2, key: 'a1' }], async () => {})
    expect(vault.remakeRows(found, () => {}).remade).toBe(1)
    expectExact(temporary)
  })

  test('is there for a vault that an older program wrote', () => {
    using temporary = temporaryVault()
    temporary.vault.close()
    const before = userMigrations().filter(({ version }) => version < countsMigration())
    const path = `${temporary.path}-old`
    const database = new Database(path)
    migrate(database, path, before)
    database.script(`
      INSERT INTO conversations (space, id, clock, deleted, provider, state) VALUES
        (1, 'a', x'', 0, 'p', 'ACTIVE'), (1, 'b', x'', 1, 'p', 'ACTIVE'), (1, 'c', x'', 0, NULL, 'ARCHIVED');
      INSERT INTO messages (space, id, clock, deleted, conversation_id) VALUES
        (1, '1', x'', 0, 'a'), (1, '2', x'', 0, 'a'), (1, '3', x'', 1, 'a'), (1, '4', x'', 0, 'b'), (1, '5', x'', 0, NULL);
      INSERT INTO atomic_chat_units (id, class, content, context, type, category, quality, security_level, state)
        VALUES ('u', 'text', 'words', '', 'statement', 'other', 50, 0, 'ACTIVE');`)
    migrate(database, path)
    const counts = conversationCounts(database, 1)
    expect(counts).toMatchObject({ conversations: 2, archived: 1, trash: 1, messages: 2, units: 1 })
    expect(counts).toEqual(countedAnew(database, 1))
    database.close()
  })

  test('is read from indexes alone, and the first page of the list in its order', () => {
    using temporary = temporaryVault()
    const plan = (sql: string) =>
      temporary.vault
        .all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, [])
        .map(({ detail }) => detail)
        .join('; ')
    const groups = plan(
      `SELECT deleted, state, provider, count(*) FROM conversations INDEXED BY conversations_by_state
       WHERE space = 1 GROUP BY deleted, state, provider`,
    )
    expect(groups).toContain('COVERING INDEX conversations_by_state')
    expect(groups).not.toContain('TEMP B-TREE')
    const page = plan(
      `SELECT * FROM conversations WHERE space = 1 AND deleted = 0 AND state = 'ACTIVE'
       ORDER BY ifnull(updated_at, 0) DESC, id DESC LIMIT 51`,
    )
    expect(page).toContain('conversations_by_shown_time')
    expect(page).not.toContain('TEMP B-TREE')
  })
})

function countsMigration(): number {
  return userMigrations().find(({ sql }) => sql.includes('CREATE TABLE message_counts'))!.version
}
