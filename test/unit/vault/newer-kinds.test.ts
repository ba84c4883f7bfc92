import { expect, test } from 'vitest'
import { Conversation } from '../../../schema/entities/index.ts'
import { pairedVaults, pull } from '../../support/paired-vaults.ts'
import { revoke, StolenDevice, tellMembers } from '../../support/stolen-device.ts'

const KIND_IN_TWO_BYTES = 26
const { number, columns } = Conversation

test('an operation of a kind with a long number blocks neither an erasure nor a revocation', () => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [
    (typeof all.vaults)[0],
    (typeof all.vaults)[0],
    (typeof all.vaults)[0],
  ]
  a.vault.transact((tx) =>
    tx.write(
      ['c0', 'c1'].map((key) => ({ kind: 'INSERT', entity: 'Conversation', key, values: { title: key } })),
    ),
  )
  pull(b, a)
  const log = new StolenDevice(stolen, 7, a.time)
  const nonsense = log.operation(KIND_IN_TWO_BYTES, 0, 0, 0, 0)
  const ofNewerProgram = log.operation(KIND_IN_TWO_BYTES, number, 'c1', 1, new Map())
  const title = log.operation(2, number, 'c0', 1, new Map([[columns.title.number, 'stolen']]))
  a.replica.apply({ segments: [log.write([nonsense, ofNewerProgram, title])] })
  const titleOn = (vault: typeof a) =>
    vault.vault.get<{ title: string }>("SELECT title FROM conversations WHERE id = 'c0'")?.title
  expect(titleOn(a)).toBe('stolen')

  revoke(all, b, stolen)
  tellMembers(b, a)
  expect(titleOn(a)).toBe('c0')
  b.vault.transact((tx) => b.vault.erase(tx, [{ entity: Conversation, key: 'c1' }]))
  pull(a, b)
  expect(a.vault.all('SELECT id FROM conversations')).toEqual([{ id: 'c0' }])
  // What a newer program wrote of the erased row went too; what names no row is kept.
  expect(
    a.vault.all<{ seq: number; hollow: number }>(
      `SELECT seq, body IS NULL AS hollow FROM sync_operations o JOIN logs l ON l.ref = o.log
       WHERE l.device = ? ORDER BY seq`,
      [stolen.device],
    ),
  ).toEqual([
    { seq: 1, hollow: 0 },
    { seq: 2, hollow: 1 },
    { seq: 3, hollow: 0 },
  ])
})

test('what was taken back leaves no device beside the number of a log', () => {
  using all = pairedVaults(3)
  const [a, b, c] = all.vaults as [(typeof all.vaults)[0], (typeof all.vaults)[0], (typeof all.vaults)[0]]
  for (const vault of [b, c])
    vault.vault.transact((tx) =>
      tx.write([{ kind: 'INSERT', entity: 'Conversation', key: 'c0', values: { title: vault.deviceDid } }]),
    )
  const [head] = b.replica.frontier({})
  const { segments } = b.replica.read({ log: { ...head!, sequence: 1 }, maxBytes: 1e6 })
  expect(() =>
    a.vault.receive(segments, (_, { merged }) => {
      for (const { stamp } of merged) a.vault.logs.deviceOf(stamp.log)
      throw new Error('the disk is full')
    }),
  ).toThrow('the disk is full')
  pull(a, c)
  for (const { ref, device } of a.vault.logs.list(a.vault.space))
    expect(a.vault.logs.deviceOf(ref).device).toEqual(device)
})
