import { expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { StolenDevice } from '../../support/stolen-device.ts'
import { session } from '../../support/vault-session.ts'

const { number } = Conversation
const SEEDS = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array]

/** A log of three operations, each with a salt of another seed. */
function written(stolen: PairedVault, ms: number) {
  const log = new StolenDevice(stolen, 7, ms)
  for (const [index, seed] of SEEDS.entries())
    log.append([log.operation(1, number, `k${index + 1}`, 1, new Map())], seed)
  return log
}

const signedTwice: [string, (log: StolenDevice) => Uint8Array[]][] = [
  [
    'a later signature brings another seed',
    (log) => [
      log.segment(1, 1, { seed: SEEDS[0] }),
      log.segment(1, 2, { from: 2, seed: SEEDS[1] }),
      log.segment(1, 3, { from: 3, seed: SEEDS[2] }),
    ],
  ],
  [
    'a segment begins inside another',
    (log) => [
      log.segment(1, 1, { seed: SEEDS[0] }),
      log.segment(1, 2, { from: 2, seed: SEEDS[1] }),
      log.segment(2, 3, { from: 3, seed: SEEDS[2] }),
    ],
  ],
  [
    'a signature covers several segments',
    (log) => [
      log.segment(1, 1, { seed: SEEDS[0] }),
      log.segment(2, 2, { seed: SEEDS[1] }),
      log.segment(1, 3, { from: 3, seed: SEEDS[2] }),
    ],
  ],
]

test.each(signedTwice)('%s: what is passed on verifies', async (_, segmentsOf) => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  const log = written(stolen, a.time)
  for (const segment of segmentsOf(log)) a.replica.apply({ segments: [segment] })
  // The other one has some of it already, under the first signature.
  b.replica.apply({ segments: [segmentsOf(log)[0]!] })
  a.vault.transact((tx) =>
    tx.write([{ kind: 'INSERT', entity: 'Conversation', key: 'mine', values: { title: 'mine' } }]),
  )
  const same = async () => {
    expect(session(a, b).phases).toEqual(['in-sync', 'in-sync'])
    expect(stateDigest(b.vault, b.vault.logs, b.vault.space)).toBe(
      stateDigest(a.vault, a.vault.logs, a.vault.space),
    )
    for (const { vault } of [a, b]) {
      const { problems } = await verifySpace(
        vault,
        vault.logs,
        vault.space,
        privateSpaceId(vault.did),
        async () => {},
      )
      expect(problems).toEqual([])
    }
  }
  await same()
  const keys = b.vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)
  expect(keys).toEqual(['k1', 'k2', 'k3', 'mine'])
  a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: 'k2' }]))
  await same()
})
