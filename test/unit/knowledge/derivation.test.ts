import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Derivation } from '../../../daemon/knowledge/derivation.ts'
import { deriveConversation } from '../../../daemon/knowledge/derive.ts'
import { derivedDigest } from '../../../daemon/knowledge/derived-digest.ts'
import { forgetConversation, storeConversation } from '../../../daemon/knowledge/derived-store.ts'
import type { StoredConversation } from '../../../daemon/vault/conversation-reader.ts'
import type { FactChange, VaultTransaction } from '../../../daemon/vault/vault.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { conversationOf, say, someConversations } from './fixtures/stored-conversations.ts'

const forever = new AbortController().signal

/** What capture would write. */
function write(tx: VaultTransaction, conversation: StoredConversation): void {
  const { id, title, state, messages } = conversation
  const changes: FactChange[] = [
    {
      kind: 'INSERT',
      entity: 'Conversation',
      key: id,
      values: { provider: 'test', title, state, version: 1, current_message_id: messages.at(-1)?.id ?? null },
    },
  ]
  for (const message of messages) {
    const { id: key, parentId, role, author, position, hidden, createdAt, parts } = message
    changes.push({
      kind: 'INSERT',
      entity: 'Message',
      key,
      values: {
        conversation_id: id,
        parent_id: parentId,
        role,
        author,
        position,
        created_at: createdAt,
        hidden: hidden ? 1 : 0,
        version_hash: 'v',
      },
    })
    changes.push({
      kind: 'INSERT',
      entity: 'MessageVersion',
      key: `${key}:v`,
      values: { message_id: key, content_hash: 'v', parts_json: JSON.stringify(parts) },
    })
  }
  tx.write(changes)
  tx.run('INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) VALUES (?, 1)', [id])
}

const store = ({ vault }: TemporaryVault, conversation: StoredConversation) =>
  vault.transact((tx) => storeConversation(tx, vault.space, deriveConversation(conversation)))

const digest = ({ vault }: TemporaryVault) => derivedDigest(vault)

function checkIndexes({ vault }: TemporaryVault): void {
  vault.run("INSERT INTO unit_index (unit_index, rank) VALUES ('integrity-check', 1)")
  const indexed = vault.get<{ n: number }>('SELECT count(*) AS n FROM unit_index')!.n
  expect(indexed).toBe(vault.get<{ n: number }>('SELECT count(*) AS n FROM atomic_chat_units')!.n)
}

describe('stored rows', () => {
  test('are the same for every order of arrival, and after any detour', { timeout: 240_000 }, () => {
    fc.assert(
      fc.property(
        someConversations.chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray(list, { minLength: list.length }),
            fc.array(fc.nat({ max: list.length - 1 }), { maxLength: 4 }),
          ),
        ),
        ([list, shuffled, detours]) => {
          using straight = temporaryVault()
          using winding = temporaryVault()
          for (const { vault } of [straight, winding])
            vault.transact((tx) => {
              for (const one of list) write(tx, one)
            })
          for (const one of list) store(straight, one)
          for (const one of shuffled) store(winding, one)
          for (const at of detours) {
            const one = list[at]!
            if (at % 2 === 0)
              winding.vault.transact((tx) => forgetConversation(tx, winding.vault.space, one.id))
            else store(winding, { ...one, messages: one.messages.slice(0, 1) })
            store(winding, one)
          }
          expect(digest(winding)).toBe(digest(straight))
          checkIndexes(winding)
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a unit is what all its occurrences say, not the last to come', () => {
    using temporary = temporaryVault()
    const both = ['a', 'b'].map((id) =>
      conversationOf(
        id,
        [say('assistant', 'The starter needs about four hours at 26 °C before it doubles.')],
        {
          state: id === 'a' ? 'ARCHIVED' : 'ACTIVE',
        },
      ),
    )
    temporary.vault.transact((tx) => {
      for (const one of both) write(tx, one)
    })
    const unit = () =>
      temporary.vault.all<{ context: string; state: string }>('SELECT context, state FROM atomic_chat_units')
    store(temporary, both[0]!)
    expect(unit()).toEqual([{ context: 'About a', state: 'ARCHIVED' }])
    store(temporary, both[1]!)
    expect(unit()).toEqual([{ context: 'About a', state: 'ACTIVE' }])
    temporary.vault.transact((tx) => forgetConversation(tx, temporary.vault.space, 'a'))
    expect(unit()).toEqual([{ context: 'About b', state: 'ACTIVE' }])
    expect(
      temporary.vault.get("SELECT count(*) AS n FROM unit_index WHERE unit_index MATCH 'context: b'"),
    ).toEqual({
      n: 1,
    })
    temporary.vault.transact((tx) => forgetConversation(tx, temporary.vault.space, 'b'))
    expect(unit()).toEqual([])
    checkIndexes(temporary)
  })

  test('storing again what is stored writes nothing', () => {
    using temporary = temporaryVault()
    const one = conversationOf('a', [
      say('user', 'How long does it take to double?'),
      say('assistant', 'Four hours.'),
    ])
    temporary.vault.transact((tx) => write(tx, one))
    store(temporary, one)
    const changes = () => temporary.vault.get<{ n: number }>('SELECT total_changes() AS n')!.n
    const before = changes()
    store(temporary, one)
    expect(changes()).toBe(before)
  })
})

describe('the background derivation', () => {
  const conversations = ['a', 'b', 'c'].map((id) =>
    conversationOf(id, [
      say('user', `How long does the sourdough starter need before it doubles in kitchen ${id}?`),
      say(
        'assistant',
        `The sourdough starter ${id} needs about four hours at 26 °C. It is ready when it floats.`,
      ),
      say('user', `And which flour is best for a sourdough starter in the winter of ${id}?`),
      say('assistant', `Rye flour feeds a sourdough starter best. Take 50 g for batch ${id}.`),
    ]),
  )
  const errors: unknown[] = []
  const derivationOf = ({ vault }: TemporaryVault) =>
    new Derivation({ vault, onError: (_, error) => errors.push(error) })

  test('drains the queue, makes topics, and a rebuild gives the same', async () => {
    using temporary = temporaryVault()
    temporary.vault.transact((tx) => {
      for (const one of conversations) write(tx, one)
    })
    const derivation = derivationOf(temporary)
    expect(derivation.busy).toBe(true)
    derivation.wake()
    await derivation.derived(['a'], forever)
    expect(
      temporary.vault.get("SELECT 1 AS x FROM acu_occurrences WHERE conversation_id = 'a'"),
    ).toBeDefined()
    await derivation.settled(forever)
    expect(derivation.busy).toBe(false)
    const before = digest(temporary)
    const labels = temporary.vault
      .all<{ label: string }>('SELECT label FROM topic_profiles')
      .map(({ label }) => label)
    expect(labels.join(' ')).toMatch(/sourdough starter/i)
    const rebuilt = await derivation.rebuild(forever)
    expect(rebuilt.derivedDigest).toBe(before)
    expect(rebuilt.conversations).toBe(3)
    checkIndexes(temporary)
    await derivation.stop()
    expect(errors).toEqual([])
  })

  test('goes on where a crash left it', async () => {
    using whole = temporaryVault()
    using broken = temporaryVault()
    for (const { vault } of [whole, broken])
      vault.transact((tx) => {
        for (const one of conversations) write(tx, one)
      })
    const first = derivationOf(broken)
    first.wake()
    await first.derived(['a'], forever)
    await first.stop()
    broken.reopen()
    const second = derivationOf(broken)
    second.wake()
    await second.settled(forever)
    const straight = derivationOf(whole)
    straight.wake()
    await straight.settled(forever)
    expect(digest(broken)).toBe(digest(whole))
    await Promise.all([second.stop(), straight.stop()])
  })

  test('what is in the trash derives nothing, and nothing of it is left in the file', async () => {
    using temporary = temporaryVault()
    const { vault } = temporary
    vault.transact((tx) => {
      for (const one of conversations) write(tx, one)
      write(
        tx,
        conversationOf('z', [say('user', 'The Zwiebelkuchen of aunt Xanthippe needs an hour in the oven.')]),
      )
    })
    const derivation = derivationOf(temporary)
    derivation.wake()
    await derivation.settled(forever)
    const before = digest(temporary)
    expect(vault.get("SELECT 1 AS x FROM unit_index WHERE unit_index MATCH 'xanthippe'")).toBeDefined()
    vault.transact((tx) => {
      tx.write([{ kind: 'DELETE', entity: 'Conversation', key: 'z' }])
      derivation.forget(tx, 'z')
    })
    derivation.wake()
    await derivation.settled(forever)
    expect(digest(temporary)).not.toBe(before)
    expect(vault.get("SELECT 1 AS x FROM unit_index WHERE unit_index MATCH 'xanthippe'")).toBeUndefined()
    expect((await derivation.rebuild(forever)).conversations).toBe(3)
    expect(vault.get("SELECT 1 AS x FROM acu_occurrences WHERE conversation_id = 'z'")).toBeUndefined()
    await derivation.stop()
    // The facts stay until they are erased; the derived rows and indexes must be gone with the next compaction.
    vault.transact((tx) => tx.run("DELETE FROM message_versions WHERE id LIKE 'z-%'"))
    vault.transact((tx) => tx.run('DELETE FROM sync_operations'))
    vault.purge()
    vault.close()
    expect(byteSearch(temporary.folder, 'Xanthippe')).toEqual([])
    expect(byteSearch(temporary.folder, 'xanthipp')).toEqual([])
  })
})
