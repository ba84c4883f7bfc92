import { copyFileSync, renameSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deviceTag } from '../../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../../crdt/log.ts'
import { commitmentOf, encodeOperation, saltOf } from '../../../crdt/operation.ts'
import { segmentMessage } from '../../../crdt/segment.ts'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { sign } from '../../../daemon/identity/ed25519.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation, type Value } from '../../../schema/entities/index.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const HOUR = 3_600_000

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const verified = ({ vault }: PairedVault) =>
  verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string, title = 'a title'): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const rename = (key: string, title: string): FactChange => ({
  kind: 'UPDATE',
  entity: 'Conversation',
  key,
  values: { custom_title: title },
})
const titleOf = ({ vault }: PairedVault, key: string) =>
  vault.get<{ title: string | null }>('SELECT custom_title AS title FROM conversations WHERE id = ?', [key])
    ?.title

describe('replication between vaults', () => {
  test('both hold the same after exchanging what the other lacks, and everything verifies', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    b.time += 3_000
    put(a, insert('c1'), insert('c2'))
    pull(b, a)
    for (let n = 0; n < 700; n++) {
      put(a, rename('c1', `a${n}`))
      put(b, rename(n % 2 ? 'c1' : 'c2', `b${n}`))
    }
    put(a, { kind: 'DELETE', entity: 'Conversation', key: 'c2' })
    expect(digestOf(a)).not.toBe(digestOf(b))
    pull(a, b)
    pull(b, a)
    expect(digestOf(a)).toBe(digestOf(b))
    expect(a.vault.logs.frontierDigest(a.vault.space)).toBe(b.vault.logs.frontierDigest(b.vault.space))
    expect(titleOf(a, 'c1')).toBe('b699')
    for (const vault of [a, b])
      expect(await verified(vault)).toMatchObject({ operations: 1_403, problems: [] })
    expect(pull(a, b)).toBe(0)
  })

  test('any order and any number of pulls among three give one state', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            who: fc.nat(2),
            from: fc.nat(2),
            act: fc.constantFrom('insert', 'rename', 'delete', 'undelete', 'pull', 'reopen'),
            key: fc.constantFrom('c1', 'c2', 'c3'),
            skew: fc.nat(5_000),
          }),
          { maxLength: 60 },
        ),
        (steps) => {
          using three = pairedVaults(3)
          for (const [n, { who, from, act, key, skew }] of steps.entries()) {
            const vault = three.vaults[who]!
            vault.time += skew
            if (act === 'pull') pull(vault, three.vaults[from]!, 1)
            else if (act === 'reopen') vault.reopen()
            else if (act === 'insert') put(vault, insert(key, `t${n}`))
            else if (act === 'rename') put(vault, rename(key, `r${n}`))
            else put(vault, { kind: act === 'delete' ? 'DELETE' : 'UNDELETE', entity: 'Conversation', key })
          }
          for (const to of three.vaults) for (const from of three.vaults) pull(to, from)
          for (const to of three.vaults) for (const from of three.vaults) pull(to, from)
          const [one, two, last] = three.vaults.map(digestOf)
          expect(two).toBe(one)
          expect(last).toBe(one)
        },
      ),
      { numRuns: 25 },
    )
  })

  test('an open segment goes on growing at its receiver, under one signature', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    for (let n = 0; n < 40; n++) {
      put(a, insert(`c${n}`))
      expect(pull(b, a)).toBe(1)
    }
    expect(b.vault.get('SELECT count(*) AS n, max(count) AS largest FROM segments')).toEqual({
      n: 1,
      largest: 40,
    })
    expect(digestOf(b)).toBe(digestOf(a))
  })

  test('no changed byte of a segment is taken, and nothing of its batch stays', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('c1', 'one'), insert('c2', 'two'))
    const [head] = a.replica.frontier({})
    const { segments } = a.replica.read({ log: { ...head!, sequence: 1 }, maxBytes: 1 })
    const [good] = segments as [Uint8Array]
    const empty = digestOf(b)
    for (let at = 0; at < good.length; at++) {
      const bad = new Uint8Array(good)
      bad[at]! ^= 1 << (at % 8)
      expect(() => b.replica.apply({ segments: [bad] }), `byte ${at}`).toThrow()
    }
    expect(digestOf(b)).toBe(empty)
    expect(b.replica.frontier({})).toEqual([])
    expect(b.replica.apply({ segments: [good, good] }).operations).toBe(2)
  })

  test('a device that nobody certified writes nothing; another person does not either', () => {
    using pair = pairedVaults(2, { introduced: false })
    using others = pairedVaults(1)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const stranger = others.vaults[0]!
    put(a, insert('c1'))
    expect(() => pull(b, a)).toThrow(expect.objectContaining({ code: 'Forbidden' }))
    b.replica.saveMembers({ documents: [stranger.document, Uint8Array.of(1, 2, 3)] })
    expect(b.replica.members({}).documents).toEqual([])
    b.replica.saveMembers({ documents: [a.document] })
    expect(pull(b, a)).toBe(1)
    put(stranger, insert('c9'))
    expect(() => pull(b, stranger)).toThrow(expect.objectContaining({ code: 'Corrupt' }))
  })

  test('a segment with a gap before it waits for its turn', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    for (let n = 0; n < 600; n++) put(a, insert(`c${n}`))
    const [head] = a.replica.frontier({})
    const { segments } = a.replica.read({ log: { ...head!, sequence: 1 }, maxBytes: 1e9 })
    expect(segments.length).toBeGreaterThan(2)
    expect(() => b.replica.apply({ segments: segments.slice(1) })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
    const [first, second] = segments as [Uint8Array, Uint8Array]
    const broken = second.with(second.length - 3, second.at(-3)! ^ 1)
    expect(() => b.replica.apply({ segments: [first, broken] })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
    expect(b.replica.frontier({})).toEqual([])
    expect(b.replica.apply({ segments }).operations).toBe(600)
  })

  test('what is stamped beyond five minutes ahead is kept, passed on, and applied when due', () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('c1', 'now'))
    a.time += 2 * HOUR
    put(a, rename('c1', 'later'))
    pull(b, a)
    expect(titleOf(b, 'c1')).toBeNull()
    expect(b.vault.held.count()).toBe(1)
    put(b, rename('c1', 'mine'))
    pull(c, b)
    expect(c.vault.held.count()).toBe(1)
    b.releaseHeld()
    expect(b.vault.held.count()).toBe(1)
    for (const vault of [b, c]) vault.time += 2 * HOUR
    for (const vault of [b, c]) vault.releaseHeld()
    pull(a, b)
    expect(titleOf(b, 'c1')).toBe('later')
    expect(
      new Set(
        three.vaults.map((vault) => {
          pull(vault, b)
          return digestOf(vault)
        }),
      ).size,
    ).toBe(1)
  })

  test('what was erased on one device leaves every byte of the other, and both logs verify', async () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('c1', 'a canary among titles'), insert('c2', 'stays'))
    pull(b, a)
    put(b, rename('c1', 'another canary of names'))
    pull(a, b)
    pull(c, b)
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: 'c1' }]))
    a.vault.purge()
    put(c, rename('c1', 'a late canary'))
    put(c, rename('c2', 'renamed'))
    pull(b, a)
    expect(b.forgotten).toEqual(['c1'])
    pull(b, c)
    pull(a, c)
    pull(c, a)
    for (const vault of three.vaults) {
      vault.vault.purge()
      expect(await verified(vault)).toMatchObject({ problems: [] })
      vault.vault.close()
      expect(byteSearch(vault.folder, 'canary'), vault.deviceDid).toEqual([])
      vault.reopen()
    }
    for (const to of three.vaults) for (const from of three.vaults) if (to !== from) pull(to, from)
    expect(new Set(three.vaults.map(digestOf)).size).toBe(1)
    put(a, insert('c3'))
    expect(pull(b, a)).toBe(1)
  })

  test('a vault put back from a copy gets its own operations again before it writes', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('c1'))
    a.vault.close()
    copyFileSync(a.path, `${a.path}.copy`)
    a.reopen()
    for (let n = 0; n < 300; n++) put(a, rename('c1', `n${n}`))
    pull(b, a)
    a.vault.close()
    renameSync(`${a.path}.copy`, a.path)
    a.reopen()
    expect(titleOf(a, 'c1')).toBeNull()
    expect(pull(a, b)).toBe(300)
    put(a, rename('c1', 'goes on'))
    expect(pull(b, a)).toBe(1)
    expect(digestOf(a)).toBe(digestOf(b))
    for (const vault of [a, b]) expect(await verified(vault)).toMatchObject({ problems: [] })
  })

  test('a vault put back from a copy with a segment that was still open ends it where its signature ends it', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('c1'))
    a.vault.close()
    copyFileSync(a.path, `${a.path}.copy`)
    a.reopen()
    // An erase ends the segment: the next operation begins another.
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: 'c9' }]))
    put(a, insert('c2'))
    pull(b, a)
    a.vault.close()
    renameSync(`${a.path}.copy`, a.path)
    a.reopen()
    pull(a, b)
    put(a, rename('c1', 'goes on'))
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: 'c8' }]))
    pull(b, a)
    for (const vault of [a, b]) expect(await verified(vault)).toMatchObject({ problems: [] })
  })

  test('whoever saw a change and writes after it wins, also with a clock that is behind', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    a.time += 3 * 60_000
    put(a, insert('c1'), rename('c1', 'first'))
    pull(b, a)
    put(b, rename('c1', 'second'))
    pull(a, b)
    for (const vault of [a, b]) expect(titleOf(vault, 'c1')).toBe('second')
  })

  test('what breaks the rules of its table changes nothing, and what a newer program knows waits; both are passed on', () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(b, insert('c1'))
    pull(a, b)
    const { title, state } = Conversation.columns
    const segments = handWritten(a, [
      { columns: new Map([[state.number, 'PINNED']]) },
      { columns: new Map([[title.number, 7]]) },
      { columns: new Map([[200, 'of a newer program']]) },
      { table: 99, columns: new Map([[1, 'of a newer program']]) },
      { columns: new Map([[title.number, 'good']]) },
    ])
    b.replica.apply({ segments })
    expect(b.vault.get('SELECT title, state FROM conversations')).toEqual({ title: 'good', state: 'ACTIVE' })
    expect(b.vault.held.count()).toBe(3)
    pull(c, b)
    expect(digestOf(c)).toBe(digestOf(b))
    expect(c.vault.held.count()).toBe(3)
    expect(c.vault.logs.frontierDigest(c.vault.space)).toBe(b.vault.logs.frontierDigest(b.vault.space))
  })

  test('stamps that do not grow, and stamps of another device, are refused', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const columns = new Map([[Conversation.columns.title.number, 'x']])
    for (const operations of [
      [
        { columns, ms: 5 },
        { columns, ms: 5 },
      ],
      [
        { columns, ms: 6 },
        { columns, ms: 5 },
      ],
      [{ columns, tag: deviceTag(b.device) }],
    ])
      expect(() => b.replica.apply({ segments: handWritten(a, operations) })).toThrow(
        expect.objectContaining({ code: 'Corrupt' }),
      )
    expect(
      b.replica.apply({
        segments: handWritten(a, [
          { columns, ms: 5 },
          { columns, ms: 6 },
        ]),
      }).operations,
    ).toBe(2)
  })

  test('long messages follow as blobs, piece by piece', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const long = Buffer.from(JSON.stringify([{ type: 'text', content: 'x'.repeat(700_000) }]))
    a.vault.transact((tx) => {
      const hash = tx.putBlob(long, 'c1')
      tx.write([
        insert('c1'),
        {
          kind: 'INSERT',
          entity: 'Message',
          key: 'm1',
          values: { conversation_id: 'c1', role: 'user', hidden: 0 },
        },
        {
          kind: 'INSERT',
          entity: 'MessageVersion',
          key: 'm1:h',
          values: { message_id: 'm1', content_hash: 'h', parts_blob: hash },
        },
      ])
    })
    const [head] = a.replica.frontier({})
    const { segments } = a.replica.read({ log: { ...head!, sequence: 1 }, maxBytes: 1 })
    const [missing] = b.replica.apply({ segments }).missingBlobs
    for (let offset = 0, waiting = 0; waiting === 0; ) {
      const piece = a.replica.readBlob({ hash: missing!, offset, maxBytes: 100_000 })
      waiting = b.replica.storeBlobPiece(piece).waiting
      offset += piece.bytes.length
    }
    expect(b.vault.getBlob(Buffer.from(missing!).toString('hex'))).toEqual(long)
    expect(b.vault.get('SELECT count(*) AS n FROM blob_pieces')).toEqual({ n: 0 })
    expect(b.vault.all('SELECT conversation_id FROM derivation_queue')).toEqual([{ conversation_id: 'c1' }])
  })
})

/** A segment as a device with its key could sign it, whatever its own program would refuse to write. */
function handWritten(
  { keys, device }: PairedVault,
  operations: readonly { columns: Map<number, Value>; table?: number; ms?: number; tag?: Uint8Array }[],
): Uint8Array[] {
  const log = { space: privateSpaceId(keys.did), device, incarnation: new Uint8Array(8).fill(9) }
  const chain = new LogChain(log)
  const seed = new Uint8Array(32).fill(3)
  const bodies = operations.map(
    ({ columns, table = Conversation.number, ms, tag = deviceTag(device) }, index) =>
      encodeOperation({
        // Later than what the vaults wrote when they were opened.
        hlc: { ms: ms ?? Date.UTC(2026, 0, 1) + 1_000 + index, counter: 0, device: tag },
        kind: 'UPDATE',
        table,
        key: 'c1',
        schemaVersion: 1,
        columns,
      }),
  )
  const headHash = bodies.reduce(
    (previous, body, index) => chain.hash(index + 1, previous, commitmentOf(saltOf(seed, index + 1), body)),
    GENESIS_HASH,
  )
  const header = {
    ...log,
    first: 1,
    count: bodies.length,
    previousHash: GENESIS_HASH,
    membershipHead: GENESIS_HASH,
    headHash,
  }
  const signature = sign(keys.deviceKey, segmentMessage(header))
  return [
    encodeShippedSegment({
      ...header,
      signature,
      seed,
      from: 1,
      operations: bodies.map((body) => ({ body })),
    }),
  ]
}

test('nothing is written here that other devices would take for void', () => {
  using pair = pairedVaults(1)
  const [a] = pair.vaults as [PairedVault]
  const deep = '['.repeat(1_001) + ']'.repeat(1_001)
  for (const change of [
    insert(''),
    insert('a\0b'),
    insert('k'.repeat(513)),
    { ...insert('c1'), values: { metadata_json: deep } },
    { ...insert('c1'), values: { created_at: 1.5 } },
    { ...insert('c1'), values: { state: 'LOST' } },
  ])
    expect(() => put(a, change)).toThrow(expect.objectContaining({ code: 'InvalidParams' }))
  expect(a.vault.logs.frontier(a.vault.space)).toEqual([])
})
