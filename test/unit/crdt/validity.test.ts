import { describe, expect, test } from 'vitest'
import type { Operation } from '../../../crdt/operation.ts'
import { validityOf } from '../../../crdt/validity.ts'
import { Conversation, Message, type Value } from '../../../schema/entities/index.ts'

const operation = (table: number, columns: [number, Value][]): Operation => ({
  hlc: { ms: 1, counter: 0, device: new Uint8Array(8) },
  kind: 'UPDATE',
  table,
  key: 'k',
  schemaVersion: 1,
  columns: new Map(columns),
})

describe('validity of an operation', () => {
  const { title, state, created_at, metadata_json } = Conversation.columns

  test.each<[string, number, Value, string]>([
    ['text', title.number, 'a title', 'valid'],
    ['null anywhere', state.number, null, 'valid'],
    ['a number where text belongs', title.number, 5, 'void'],
    ['a NUL', title.number, 'a\0b', 'void'],
    ['half a surrogate pair', title.number, '\ud800', 'void'],
    ['a state there is not', state.number, 'HIDDEN', 'void'],
    ['a fraction', created_at.number, 1.5, 'void'],
    ['beyond 64 bits', created_at.number, 2n ** 63n, 'void'],
    ['the largest integer', created_at.number, 2n ** 63n - 1n, 'valid'],
    ['JSON', metadata_json.number, '{"a":[1]}', 'valid'],
    ['no JSON', metadata_json.number, '{a', 'void'],
    ['a column of a newer program', 200, 'x', 'unknown'],
  ])('%s', (_, column, value, expected) => {
    expect(validityOf(operation(Conversation.number, [[column, value]]))).toBe(expected)
  })

  test('a table of a newer program waits; a bad value is void even beside a new column', () => {
    expect(validityOf(operation(99, [[1, 'x']]))).toBe('unknown')
    expect(
      validityOf(
        operation(Message.number, [
          [200, 'x'],
          [Message.columns.role.number, 'robot'],
        ]),
      ),
    ).toBe('void')
  })
})
