import { describe, expect, test } from 'vitest'
import {
  decodeSnapshot,
  encodeSnapshot,
  type SnapshotHeader,
  snapshotMessage,
} from '../../../crdt/snapshot.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { meet } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: `title of ${key}` },
})
const keys = ({ vault }: PairedVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)

/** The snapshot a device makes, with other positions, under its own signature. */
function forged(
  by: PairedVault,
  change: (header: SnapshotHeader) => SnapshotHeader['positions'],
): Uint8Array {
  const { header } = decodeSnapshot(by.replica.makeSnapshot({}).header)
  const other = { ...header, positions: change(header) }
  return encodeSnapshot(other, by.vault.signAsDevice(snapshotMessage(other)))
}

function beginAgain(to: PairedVault, from: PairedVault): void {
  const { root, total } = to.replica.beginSnapshot(from.replica.makeSnapshot({}))
  for (let position = 0; position < total; position++)
    to.replica.storeChunk({ root, position, ...from.replica.readChunk({ root, position }) })
  to.replica.installSnapshot({ root })
}

const forbidden = expect.objectContaining({ code: 'Forbidden' })

describe('what a snapshot may say', () => {
  test('a device that was in step lately takes none', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('a'))
    for (let days = 0; days <= 100; days += 10) {
      for (const vault of [a, b]) vault.time += 10 * DAY
      meet(a, b)
    }
    expect(() => b.replica.beginSnapshot(a.replica.makeSnapshot({}))).toThrow(forbidden)
    for (const vault of [a, b]) vault.time += 100 * DAY
    expect(b.replica.beginSnapshot(a.replica.makeSnapshot({})).total).toBe(1)
  })

  test('one that was away takes none of another history, and none that ends the log of who wrote lately', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('a'), insert('b'))
    put(b, insert('of b'))
    pull(b, a)
    const other = forged(a, ({ positions }) =>
      positions.map((position) => ({ ...position, hash: position.hash.map((byte) => byte ^ 1) })),
    )
    expect(() => b.replica.beginSnapshot({ header: other })).toThrow(forbidden)
    const closed = forged(a, ({ positions }) => positions.map((position) => ({ ...position, closed: true })))
    expect(() => b.replica.beginSnapshot({ header: closed })).toThrow(forbidden)
    for (const vault of [a, b]) vault.time += 100 * DAY
    expect(b.replica.beginSnapshot({ header: closed }).total).toBe(1)
    expect(() => b.replica.beginSnapshot({ header: other })).toThrow(forbidden)
  })

  test('an ERASE of another device is not said again in its own name', () => {
    using three = pairedVaults(3)
    const [a, b, thief] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('kept'), insert('erased by b'), insert('erased by the thief'))
    for (const to of [b, thief]) pull(to, a)
    thief.vault.transact((tx) =>
      thief.vault.erase(tx, [{ entity: Conversation, key: 'erased by the thief' }]),
    )
    b.vault.transact((tx) => b.vault.erase(tx, [{ entity: Conversation, key: 'erased by b' }]))
    pull(b, thief)
    expect(keys(b)).toEqual(['kept'])
    beginAgain(b, a)
    expect(keys(b)).toEqual(['erased by the thief', 'kept'])
    pull(a, b)
    expect(keys(a)).toEqual(['erased by the thief', 'kept'])
    // While nobody takes that device out its ERASE counts, in its own log.
    pull(b, thief)
    expect(keys(b)).toEqual(['kept'])
  })
})
