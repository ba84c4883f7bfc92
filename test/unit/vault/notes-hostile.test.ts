import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import type { Operation } from '../../../crdt/operation.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { encodeTextChange, SharedText } from '../../../crdt/text.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { NotebookEntry, type Value } from '../../../schema/entities/index.ts'
import { HostileNotes, SESSION } from '../../support/hostile-notes.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const { body: BODY, tally: TALLY, title: TITLE } = NotebookEntry.columns
const MANY = 2_000

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const problemsOf = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})).problems
const noteOf = ({ vault }: PairedVault) =>
  vault.get<{ body: string | null; tally: number | null; title: string | null }>(
    'SELECT body, tally, title FROM notebook_entries WHERE id = ?',
    ['e1'],
  )

function noted() {
  const two = pairedVaults(2)
  const [a, b] = two.vaults as [PairedVault, PairedVault]
  a.vault.transact((tx) =>
    tx.write([
      { kind: 'INSERT', entity: 'NotebookEntry', key: 'e1', values: { title: 'Tea' } },
      {
        kind: 'TEXT',
        entity: 'NotebookEntry',
        key: 'e1',
        edits: { body: [{ at: 0, delete: 0, insert: 'green tea' }] },
      },
    ]),
  )
  return { two, a, b }
}

const inserted = (client: number, insert: string, at = 0, text = new SharedText()) =>
  text.edit(client, [{ at, delete: 0, insert }])[0]!

describe('a device of the person that writes what no honest one writes', () => {
  test('void updates are stored and passed on, and change nothing anywhere', async () => {
    const { two, a, b } = noted()
    using _ = two
    const hostile = new HostileNotes(b)
    const before = digestOf(a)
    const deep = new Y.Doc()
    deep.clientID = hostile.client
    let nested = deep.getArray<unknown>('text')
    for (let depth = 0; depth < 200; depth++) {
      const inner = new Y.Array<unknown>()
      nested.push([inner])
      nested = inner
    }
    const ahead = new SharedText()
    inserted(hostile.client, 'first', 0, ahead)
    const updates = [
      inserted(hostile.client + 1, 'of another client'),
      inserted(hostile.client, 'does not follow', 5, ahead),
      Y.encodeStateAsUpdate(deep),
      new Uint8Array(60_000),
      new Uint8Array(randomBytes(500)),
      new Uint8Array(0),
    ]
    const segments = updates.map((update) => hostile.text(update))
    const others: readonly (readonly [Operation['kind'], readonly [number, Value][]])[] = [
      ['TEXT', [[BODY.number, 'not bytes']]],
      ['TEXT', [[BODY.number, null]]],
      ['TEXT', [[TITLE.number, 'a title']]],
      ['UPDATE', [[BODY.number, inserted(hostile.client, 'x')]]],
      ['INSERT', [[TALLY.number, 7]]],
      ['COUNTER', [[TITLE.number, 'a title']]],
      ['COUNTER', [[TALLY.number, 0.5]]],
      ['COUNTER', [[TALLY.number, 2 ** 50]]],
      ['COUNTER', [[TALLY.number, null]]],
      ['COUNTER', [[TALLY.number, 10n ** 18n]]],
    ]
    for (const [kind, columns] of others) segments.push(hostile.says({ kind, columns }))
    for (const segment of segments) expect(a.replica.apply({ segments: [segment] }).operations).toBe(1)
    expect(noteOf(a)).toEqual({ title: 'Tea', body: 'green tea', tally: null })
    expect(digestOf(a)).toBe(before)
    expect(await problemsOf(a)).toEqual([])
    pull(b, a)
    expect(digestOf(b)).toBe(before)
    expect(await problemsOf(b)).toEqual([])
    // What follows in its log is judged for itself.
    a.replica.apply({ segments: [hostile.text(inserted(hostile.client, 'My '))] })
    expect(noteOf(a)?.body?.replace('My ', '')).toBe('green tea')
  })

  test('what is too large for an operation is refused, and nothing of it stays', () => {
    const { two, a, b } = noted()
    using _ = two
    const hostile = new HostileNotes(b)
    const before = a.vault.logs.frontierDigest(a.vault.space)
    expect(() => a.replica.apply({ segments: [hostile.text(new Uint8Array(70_000))] })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
    expect(a.vault.logs.frontierDigest(a.vault.space)).toBe(before)
  })

  test('deleting what others wrote is an edit: it is shown, and nothing else is lost', async () => {
    const { two, a, b } = noted()
    using _ = two
    pull(b, a)
    const hostile = new HostileNotes(b)
    const text = new SharedText(b.vault.get<{ state: Uint8Array }>('SELECT state FROM text_documents')!.state)
    const [update] = text.edit(hostile.client, [{ at: 0, delete: 6, insert: '' }])
    a.replica.apply({ segments: [hostile.text(update!)] })
    expect(noteOf(a)?.body).toBe('tea')
    pull(b, a)
    expect(digestOf(b)).toBe(digestOf(a))
    expect(await problemsOf(a)).toEqual([])
  })

  test(`${MANY} updates that wait for characters that never come cost each little`, async () => {
    const { two, a, b } = noted()
    using _ = two
    const hostile = new HostileNotes(b)
    const absent = new SharedText()
    inserted(4_711, 'characters nobody sends', 0, absent)
    const slowest = { ms: 0 }
    const began = performance.now()
    for (let n = 0; n < MANY; n += 200) {
      const updates = Array.from({ length: 200 }, (_, k) =>
        inserted(hostile.client, 'x', (n + k) % 20, absent),
      )
      const started = performance.now()
      const segment = hostile.says(
        ...updates.map((update) => ({
          kind: 'TEXT' as const,
          columns: [[BODY.number, encodeTextChange(SESSION, update)]] as [number, Value][],
        })),
      )
      a.replica.apply({ segments: [segment] })
      slowest.ms = Math.max(slowest.ms, performance.now() - started)
    }
    console.log(
      `${MANY} updates that wait: ${(performance.now() - began).toFixed(0)} ms, slowest 200 ${slowest.ms.toFixed(0)} ms`,
    )
    expect(noteOf(a)?.body).toBe('green tea')
    expect(slowest.ms).toBeLessThan(5_000)
    expect(await problemsOf(a)).toEqual([])
    a.vault.transact((tx) =>
      tx.write([
        {
          kind: 'TEXT',
          entity: 'NotebookEntry',
          key: 'e1',
          edits: { body: [{ at: 9, delete: 0, insert: '!' }] },
        },
      ]),
    )
    expect(noteOf(a)?.body).toBe('green tea!')
    pull(b, a)
    expect(digestOf(b)).toBe(digestOf(a))
  })
})
