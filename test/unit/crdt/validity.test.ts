import { describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { decodeOperation, type Operation } from '../../../crdt/operation.ts'
import { validityOf } from '../../../crdt/validity.ts'
import { Conversation, Message, type Value } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'

const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`
const operation = (table: number, columns: [number, Value][]): Operation => ({
  hlc: { ms: 1, counter: 0, device: new Uint8Array(8) },
  kind: 'UPDATE',
  table,
  key: 'k',
  schemaVersion: 1,
  columns: new Map(columns),
})

describe('validity of an operation', () => {
  test('a kind of a newer program waits, whatever its further parts are', () => {
    const stamp = new Uint8Array(16).fill(1)
    for (const body of [
      [stamp, 77, Conversation.number, 'k', 1, new Map([[1, 'x']])],
      [stamp, 77, 'other', ['parts'], 1, [], 'more'],
    ])
      expect(validityOf(decodeOperation(encodeCanonical(body)))).toBe('unknown')
    expect(() => decodeOperation(encodeCanonical([stamp, 2, 1, 'k', 1, new Map(), 'more']))).toThrow()
  })

  const { title, state, created_at, metadata_json } = Conversation.columns

  test.each<[string, number, Value, string]>([
    ['text', title.number, 'a title', 'valid'],
    ['null anywhere', state.number, null, 'valid'],
    ['a number where text belongs', title.number, 5, 'void'],
    ['a NUL', title.number, 'a\0b', 'void'],
    ['half a surrogate pair', title.number, '\ud800', 'void'],
    ['a state of a newer program', state.number, 'PINNED', 'unknown'],
    ['a number for a state', state.number, 5, 'void'],
    ['a fraction', created_at.number, 1.5, 'void'],
    ['beyond 64 bits', created_at.number, 2n ** 63n, 'void'],
    ['the largest integer', created_at.number, 2n ** 63n - 1n, 'valid'],
    ['JSON', metadata_json.number, '{"a":[1]}', 'valid'],
    ['JSON as deep as SQLite takes', metadata_json.number, nested(LIMITS.jsonDepth), 'valid'],
    ['JSON deeper than that', metadata_json.number, nested(LIMITS.jsonDepth + 1), 'void'],
    ['flat JSON full of brackets', metadata_json.number, JSON.stringify('["\\'.repeat(2_000)), 'valid'],
    ['no JSON', metadata_json.number, '{a', 'void'],
    ['a column of a newer program', 200, 'x', 'unknown'],
  ])('%s', (_, column, value, expected) => {
    expect(validityOf(operation(Conversation.number, [[column, value]]))).toBe(expected)
  })

  test.each<[string, string, string]>([
    ['no key', '', 'void'],
    ['a NUL', 'a\0b', 'void'],
    ['half a surrogate pair', '\ud800', 'void'],
    ['the longest key', 'ä'.repeat(LIMITS.keyBytes / 2), 'valid'],
    ['a longer key', `${'ä'.repeat(LIMITS.keyBytes / 2)}a`, 'void'],
  ])('%s', (_, key, expected) => {
    expect(validityOf({ ...operation(Conversation.number, [[title.number, 'x']]), key })).toBe(expected)
  })

  test('a table of a newer program waits; a bad value is void even beside a new column', () => {
    expect(validityOf(operation(99, [[1, 'x']]))).toBe('unknown')
    expect(
      validityOf(
        operation(Message.number, [
          [200, 'x'],
          [Message.columns.role.number, 7],
        ]),
      ),
    ).toBe('void')
  })
})
