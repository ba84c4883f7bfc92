import { expect, test } from 'vitest'
import { tombstones, tombstonesAt } from '../../../daemon/vault/tombstones.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const ROWS = 5_200
const key = (at: number) => `t${String(at).padStart(5, '0')}`
const tags = (
  kind: 'INSERT' | 'DELETE' | 'UNDELETE',
  which: (at: number) => boolean = () => true,
): FactChange[] =>
  Array.from({ length: ROWS }, (_, at) => at)
    .filter(which)
    .map((at) => ({
      kind,
      entity: 'ConversationTag' as const,
      key: key(at),
      ...(kind === 'INSERT' ? { values: { conversation_id: 'c', tag: `tag ${at}` } } : {}),
    }))

test('every deleted row is found once, however many there are, and none that was restored', () => {
  using temporary = temporaryVault()
  const { vault } = temporary
  vault.transact((tx) => {
    tx.write(tags('INSERT'))
    tx.write(tags('DELETE', (at) => at !== 7))
    tx.write(tags('UNDELETE', (at) => at % 100 === 0))
    tx.write([
      { kind: 'INSERT', entity: 'Message', key: 'm', values: { conversation_id: 'c' } },
      { kind: 'DELETE', entity: 'Message', key: 'm' },
      { kind: 'INSERT', entity: 'Petname', key: 'did:key:z6MkAnn', values: { name: 'Ann' } },
      { kind: 'DELETE', entity: 'Petname', key: 'did:key:z6MkAnn' },
    ])
  })
  const names = [...tombstones(vault)].map(({ entity, key }) => `${entity.table} ${key}`)
  const deleted = Array.from({ length: ROWS }, (_, at) => at).filter((at) => at !== 7 && at % 100 !== 0)
  expect(names.sort()).toEqual(
    [...deleted.map((at) => `conversation_tags ${key(at)}`), 'messages m', 'petnames did:key:z6MkAnn'].sort(),
  )
  const last = { ms: Number.MAX_SAFE_INTEGER, counter: 0 }
  expect(
    tombstonesAt(vault, last)
      .map(({ entity, key }) => `${entity.table} ${key}`)
      .sort(),
  ).toEqual(names)
})

test('those of large tables are found without reading the tables', () => {
  using temporary = temporaryVault()
  for (const table of ['conversations', 'messages', 'message_versions', 'conversation_tags']) {
    const [step] = temporary.vault.all<{ detail: string }>(
      `EXPLAIN QUERY PLAN SELECT id, clock, deleted FROM ${table} WHERE space = 1 AND id > '' AND deleted = 1
       ORDER BY id LIMIT 5000`,
    )
    expect(step!.detail).toContain(`INDEX ${table}_deleted`)
  }
})
