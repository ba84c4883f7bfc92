import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as Y from 'yjs'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import {
  acceptedUpdates,
  foldShared,
  type SharedChange,
  type SharedLog,
} from '../../../crdt/shared-columns.ts'
import {
  editsBetween,
  encodeTextChange,
  readTextChange,
  SharedText,
  type TextEdit,
  textClient,
} from '../../../crdt/text.ts'
import { LIMITS } from '../../../schema/limits.ts'

const COLUMN = 4
const session = new Uint8Array(8).fill(7)
const logs: SharedLog[] = [1, 2, 3].map((n) => ({
  space: new Uint8Array(32),
  device: new Uint8Array(32).fill(n),
  incarnation: new Uint8Array(8).fill(n),
  name: new Uint8Array(8).fill(n),
  parent: null,
}))
const logOf = (log: number) => logs[log]!
const clientOf = (log: number) => textClient(logOf(log), session)
const empty = Y.encodeStateAsUpdate(new Y.Doc())

function change(log: number, ms: number, update: Uint8Array): SharedChange {
  return {
    operation: {
      hlc: { ms, counter: 0, device: new Uint8Array(8) },
      kind: 'TEXT',
      table: 7,
      key: 'e1',
      schemaVersion: 1,
      columns: new Map([[COLUMN, encodeTextChange(session, update)]]),
    },
    stamp: { ms, counter: 0, log, hash: new Uint8Array(8) },
  }
}

const fold = (changes: readonly SharedChange[]) => foldShared('shared_text', COLUMN, changes, logOf)
const accepted = (changes: readonly SharedChange[]) => acceptedUpdates(changes, COLUMN, logOf)

interface Step {
  readonly log: number
  readonly at: number
  readonly delete: number
  readonly insert: string
  /** Whose edits it has seen by now, besides its own. */
  readonly hears: number
}

const step: fc.Arbitrary<Step> = fc.record({
  log: fc.integer({ min: 0, max: 2 }),
  at: fc.nat(40),
  delete: fc.nat(6),
  insert: fc.string({ unit: fc.constantFrom('a', 'b', '茶', '🍵', ' ', '\n'), maxLength: 5 }),
  hears: fc.integer({ min: 0, max: 2 }),
})

/** Three devices that edit one text and hear of each other now and then. */
function life(steps: readonly Step[]): SharedChange[] {
  const texts = logs.map(() => new SharedText())
  const changes: SharedChange[] = []
  const heard = logs.map(() => new Set<SharedChange>())
  steps.forEach(({ log, at, delete: gone, insert, hears }, ms) => {
    const text = texts[log]!
    const news = changes.filter((one) => one.stamp.log === hears && !heard[log]!.has(one))
    text.apply(news.map((one) => updateOf(one)))
    for (const one of news) heard[log]!.add(one)
    const length = text.text.length
    const from = Math.min(at, length)
    const edits: TextEdit[] = [{ at: from, delete: Math.min(gone, length - from), insert }]
    for (const update of text.edit(clientOf(log), edits)) {
      const one = change(log, ms, update)
      changes.push(one)
      heard[log]!.add(one)
    }
  })
  return changes
}

function updateOf(one: SharedChange): Uint8Array {
  const read = readTextChange(one.operation.columns.get(COLUMN), logOf(one.stamp.log))
  if (!read) throw new Error('what a device writes counts')
  return read.update
}

describe('a text that several devices edit', () => {
  test('is the same in whatever order and batches its updates come, and however often', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 20 }),
        fc.infiniteStream(fc.nat()),
        fc.integer({ min: 1, max: 5 }),
        (steps, dice, batch) => {
          const changes = life(steps)
          const expected = fold(changes)
          expect(accepted(changes)).toHaveLength(changes.length)
          const next = () => dice.next().value as number
          const shuffled = changes
            .map((one) => [next(), one] as const)
            .sort(([a], [b]) => a - b)
            .map(([, one]) => one)
          expect(fold(shuffled)).toEqual(expected)
          // One device takes them in as they come, with some twice, and stores what it has each time.
          let text = new SharedText()
          const coming = [...shuffled, ...shuffled.slice(0, 3)].map(updateOf)
          for (let at = 0; at < coming.length; at += batch) {
            text.apply(coming.slice(at, at + batch))
            text = new SharedText(text.state)
          }
          expect(text.text).toBe(expected?.value ?? '')
        },
      ),
      { numRuns: 300 },
    )
  }, 120_000)

  test('keeps what a person wrote: edits of one device apply as they stand', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 8 }), (versions) => {
        const text = new SharedText()
        const changes: SharedChange[] = []
        versions.forEach((version, ms) => {
          const storable = version.replaceAll('\0', '')
          for (const update of text.edit(clientOf(0), editsBetween(text.text, storable)))
            changes.push(change(0, ms, update))
          expect(text.text).toBe(storable)
        })
        expect(fold(changes)?.value ?? '').toBe(text.text)
      }),
    )
  })

  test('takes nothing in the name of another client', () => {
    const honest = new SharedText().edit(clientOf(0), [{ at: 0, delete: 0, insert: 'tea' }])[0]!
    expect(accepted([change(0, 1, honest)])).toHaveLength(1)
    expect(accepted([change(1, 1, honest)])).toEqual([])
    const other = { ...logOf(0), space: new Uint8Array(32).fill(1) }
    expect(readTextChange(encodeTextChange(session, honest), other)).toBeUndefined()
    expect(readTextChange(encodeTextChange(new Uint8Array(8), honest), logOf(0))).toBeUndefined()
    // An update of its own with another's beside it.
    const own = new SharedText().edit(clientOf(1), [{ at: 0, delete: 0, insert: 'x' }])[0]!
    expect(accepted([change(1, 1, Y.mergeUpdates([own, honest]))])).toEqual([])
  })

  test('takes nothing that does not follow, and goes on after it', () => {
    const text = new SharedText()
    const [first, second, third] = ['a', 'b', 'c'].map(
      (letter, at) => text.edit(clientOf(0), [{ at, delete: 0, insert: letter }])[0]!,
    ) as [Uint8Array, Uint8Array, Uint8Array]
    const texts = (...updates: Uint8Array[]) =>
      fold(updates.map((update, ms) => change(0, ms, update)))?.value
    expect(texts(first, second, third)).toBe('abc')
    expect(texts(first, third, second)).toBe('ab')
    expect(texts(first, first, second)).toBe('ab')
    expect(texts(second)).toBeUndefined()
    // Deletions of characters that its client has not written yet.
    const deletes = text.edit(clientOf(0), [{ at: 2, delete: 1, insert: '' }])[0]!
    expect(texts(first, deletes, second, third)).toBe('abc')
    expect(texts(first, second, third, deletes)).toBe('ab')
  })

  const crafted: [string, (doc: Y.Doc) => void][] = [
    ['formatting', (doc) => doc.getText('text').insert(0, 'bold', { bold: true })],
    ['an embedded thing', (doc) => doc.getText('text').insertEmbed(0, { image: 'x' })],
    ['another root', (doc) => doc.getText('other').insert(0, 'x')],
    ['a map', (doc) => doc.getMap('text').set('a', 1)],
    ['an array', (doc) => doc.getArray('text').push([1, 'b'])],
    ['a nested type', (doc) => doc.getArray('text').push([new Y.Text('x')])],
    ['a document in it', (doc) => doc.getMap('text').set('d', new Y.Doc())],
    ['a NUL', (doc) => doc.getText('text').insert(0, 'a\0b')],
  ]
  test.each(crafted)('takes no %s', (_, make) => {
    const doc = new Y.Doc()
    doc.clientID = clientOf(0)
    make(doc)
    expect(accepted([change(0, 1, Y.encodeStateAsUpdate(doc))])).toEqual([])
  })

  test('takes no character that stands after itself', () => {
    const text = new SharedText()
    const first = text.edit(clientOf(0), [{ at: 0, delete: 0, insert: 'ab' }])[0]!
    const second = text.edit(clientOf(0), [{ at: 1, delete: 0, insert: 'c' }])[0]!
    // The clock 2 of the new character is also the only 2 in its bytes: its origin 0 becomes itself.
    const origins = [...second.keys()]
      .map((at) => second.with(at, 2))
      .filter((bytes) => {
        const read = readTextChange(encodeTextChange(session, bytes), logOf(0))
        return read?.from === 2
      })
    for (const bytes of origins) expect(() => fold([change(0, 1, first), change(0, 2, bytes)])).not.toThrow()
  })

  test('is bounded, and what is no update is nothing', () => {
    const read = (value: unknown) => readTextChange(value, logOf(0))
    expect(read(new Uint8Array(LIMITS.textUpdateBytes + 1))).toBeUndefined()
    expect(read(encodeTextChange(session, new Uint8Array(0)))).toBeUndefined()
    expect(read(encodeCanonical(['x', empty]))).toBeUndefined()
    expect(read(encodeCanonical([session]))).toBeUndefined()
    expect(read('text')).toBeUndefined()
    // So many structs, a client, a clock and nothing behind them; a deletion of all characters there ever are.
    expect(read(encodeTextChange(session, Uint8Array.of(1, 255, 255, 255, 255, 15, 1, 0)))).toBeUndefined()
    const all = Uint8Array.of(0, 1, 5, 1, 0, 255, 255, 255, 255, 255, 255, 255, 15)
    expect(read(encodeTextChange(session, all))).toBeUndefined()
  })

  test('10,000 damaged updates: none crashes, none takes long, none changes what others wrote alone', () => {
    const text = new SharedText()
    const honest = ['tea ', 'with ', '🍵 milk'].map(
      (word) => text.edit(clientOf(0), [{ at: text.text.length, delete: 0, insert: word }])[0]!,
    )
    const base = honest.map((update, ms) => change(0, ms, update))
    const theirs = new SharedText()
    theirs.apply(honest)
    const update = theirs.edit(clientOf(1), [
      { at: 4, delete: 2, insert: 'green 茶 ' },
      { at: 0, delete: 1, insert: 'T' },
    ])[0]!
    let seed = 20_261_121
    const random = (below: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((seed / 2 ** 32) * below)
    }
    let taken = 0
    let slowest = 0
    const before = process.memoryUsage().heapUsed
    for (let round = 0; round < 10_000; round++) {
      const bytes = [...update]
      for (let damage = 0; damage <= random(3); damage++) {
        const at = random(bytes.length)
        const how = random(4)
        if (how === 0) bytes[at] = random(256)
        else if (how === 1) bytes.splice(at, random(4))
        else if (how === 2) bytes.splice(at, 0, random(256), 255)
        else bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
      }
      const started = performance.now()
      const damaged = change(1, 9, Uint8Array.from(bytes))
      const after = fold([...base, damaged])!
      slowest = Math.max(slowest, performance.now() - started)
      if (accepted([...base, damaged]).length > base.length) taken++
      else expect(after.value).toBe('tea with 🍵 milk')
      // A deletion or insertion of their own is all it can be: it never breaks the text for what comes later.
      expect(typeof after.value).toBe('string')
    }
    expect(taken).toBeGreaterThan(0)
    expect(taken).toBeLessThan(10_000)
    expect(slowest).toBeLessThan(2_000)
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(300 * 2 ** 20)
    console.info(`10,000 damaged updates: ${taken} still valid, slowest ${slowest.toFixed(1)} ms`)
  }, 120_000)
})
