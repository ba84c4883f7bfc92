import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { makeRevocation } from '../../../daemon/identity/revocation.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { meet } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const pace = async () => {}
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: key, state: 'ACTIVE', version: 1 },
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
const stateOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)

function revoke(all: ReturnType<typeof pairedVaults>, by: PairedVault, lost: PairedVault): void {
  const { documents, excluded } = by.replica.members({})
  const made = makeRevocation({
    rootKey: all.rootKey,
    keys: by.keys,
    deviceDid: lost.deviceDid,
    documents,
    excluded,
    frontier: by.replica.frontier({}),
    now: by.time,
    random: by.options.random,
  })
  by.replica.saveMembers({ documents: made.documents })
}

/** What each keeps and shows is the same, and verifies. */
async function expectAlike(vaults: readonly PairedVault[]): Promise<void> {
  for (const vault of vaults) {
    const { space, logs, did } = vault.vault
    expect(stateOf(vault)).toBe(stateOf(vaults[0]!))
    expect((await verifySpace(vault.vault, logs, space, privateSpaceId(did), pace)).problems).toEqual([])
  }
}

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const

/** Pairs of three devices, beginning with these, until all is told. */
function mingle(vaults: readonly PairedVault[], order: readonly number[]): void {
  const pairs = order.map((left) => vaults.filter((_, index) => index !== left))
  for (let round = 0; round < 3; round++) for (const [one, two] of pairs) meet(one!, two!)
}

describe('a revocation that comes late', () => {
  test.each(ORDERS)(
    'below what was let go of: the others ask who did not let go, meeting as %i %i %i',
    async (...order) => {
      using all = pairedVaults(4)
      const [a, b, d, x] = all.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
      put(a, insert('c'), rename('c', 'by A'), insert('other'))
      for (const [one, two] of [
        [a, b],
        [a, d],
        [a, x],
        [a, b],
      ] as const)
        meet(one, two)
      // D is away, and not counted on; the others let go of what X took the place of.
      for (const vault of all.vaults) vault.time += 91 * DAY
      put(x, rename('c', 'by X'), insert('of X'))
      let dropped = 0
      for (let round = 0; round < 3; round++) {
        for (const vault of [a, b, x])
          dropped += (await new Upkeep(vault.vault, vault.deviceDid).run(pace, true)).dropped
        for (const [one, two] of [
          [a, b],
          [a, x],
          [b, x],
          [a, b],
        ] as const)
          meet(one, two)
      }
      expect(dropped).toBeGreaterThan(0)
      put(d, rename('other', 'by D, away'))
      put(a, insert('later'))
      revoke(all, d, x)
      mingle([a, b, d], order)
      for (const vault of [a, b, d]) {
        expect(titleOf(vault, 'c')).toBe('by A')
        expect(titleOf(vault, 'other')).toBe('by D, away')
        expect(titleOf(vault, 'of X')).toBeUndefined()
        expect(titleOf(vault, 'later')).toBeNull()
        vault.reopen()
      }
      await expectAlike([a, b, d])
      put(b, rename('c', 'goes on'))
      mingle([a, b, d], order)
      await expectAlike([a, b, d])
    },
  )

  test.each(ORDERS)('of what a snapshot brought: it is taken anew, meeting as %i %i %i', async (...order) => {
    using all = pairedVaults(4)
    const [a, d, e, x] = all.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
    put(a, insert('c'), rename('c', 'by A'))
    for (const other of [d, x]) meet(a, other)
    put(x, rename('c', 'by X'), insert('of X'))
    meet(a, x)
    // A new device begins from what A has.
    const { header } = a.replica.makeSnapshot({})
    const begun = e.replica.beginSnapshot({ header })
    for (let position = 0; position < begun.total; position++)
      e.replica.storeChunk({
        root: begun.root,
        position,
        ...a.replica.readChunk({ root: begun.root, position }),
      })
    e.replica.installSnapshot({ root: begun.root })
    put(e, insert('of E'))
    expect(titleOf(e, 'c')).toBe('by X')
    revoke(all, d, x)
    mingle([a, d, e], order)
    for (const vault of [a, d, e]) {
      expect(titleOf(vault, 'c')).toBe('by A')
      expect(titleOf(vault, 'of X')).toBeUndefined()
      expect(titleOf(vault, 'of E')).toBeNull()
    }
    await expectAlike([a, d, e])
  })
})
