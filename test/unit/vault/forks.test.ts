import { describe, expect, test } from 'vitest'
import type { OpenVault } from '../../../daemon/vault/open-vault.ts'
import { expectAlike as alike, clone, pullAll } from '../../support/forked-vaults.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'

const put = (vault: OpenVault, ...keys: string[]) =>
  vault.transact((tx) =>
    tx.write(
      keys.map((key) => ({ kind: 'INSERT' as const, entity: 'Conversation', key, values: { title: key } })),
    ),
  )
const rename = (vault: OpenVault, key: string, title: string) =>
  vault.transact((tx) =>
    tx.write([{ kind: 'UPDATE', entity: 'Conversation', key, values: { custom_title: title } }]),
  )
const rowsOf = (vault: OpenVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)

const expectAlike = async (vaults: readonly OpenVault[], rows?: readonly string[]) => {
  await alike(vaults)
  if (rows) for (const vault of vaults) expect(rowsOf(vault)).toEqual([...rows].sort())
}

describe('a log that two copies wrote apart', () => {
  test.each([
    ['inside an open segment', 3, 2, 4],
    ['of equal length', 2, 3, 3],
    ['from the first operation on', 0, 2, 2],
    ['after several segments', 600, 1, 300],
  ])('%s: found, proven, and both branches are everywhere', async (_, before, inFirst, inCopy) => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    const keys = (name: string, n: number) => Array.from({ length: n }, (_, index) => `${name}${index}`)
    for (const key of keys('before', before)) put(a.vault, key)
    pullAll(c.vault, a.vault)
    const copy = clone(a)
    const forked = a.vault.ownLog
    for (const key of keys('first', inFirst)) put(a.vault, key)
    for (const key of keys('copy', inCopy)) put(copy.vault, key)
    if (before > 0) rename(copy.vault, 'before0', 'in the copy')
    pullAll(b.vault, a.vault)
    pullAll(c.vault, copy.vault)
    const everything = [...keys('before', before), ...keys('first', inFirst), ...keys('copy', inCopy)]
    await expectAlike([b.vault, c.vault, a.vault, copy.vault], everything)
    for (const vault of [a.vault, b.vault, c.vault, copy.vault]) {
      const forks = vault.forks.list()
      expect(forks).toMatchObject([{ sequence: before + 1, resolved: false }])
      expect(forks[0]!.branches).toHaveLength(2)
    }
    // The incarnation is frozen: each copy goes on in one of its own.
    expect(a.vault.ownLog).not.toBe(forked)
    put(a.vault, 'later in the first')
    put(copy.vault, 'later in the copy')
    await expectAlike(
      [b.vault, c.vault, a.vault, copy.vault],
      [...everything, 'later in the first', 'later in the copy'],
    )
    expect(b.vault.forks.list()).toHaveLength(1)
    const { incarnation } = a.vault.logs.list(a.vault.space).find(({ ref }) => ref === a.vault.ownLog)!
    expect(a.reopen().logs.find(a.vault.space, { device: a.device, incarnation })!.ref).toBe(a.vault.ownLog)
    copy.close()
  })

  test('nobody is asked about a log that was not written apart, whose heads are told in short', () => {
    using pair = pairedVaults(2)
    const [one, two] = pair.vaults as [PairedVault, PairedVault]
    put(one.vault, 'first', 'second', 'third')
    pull(two, one)
    const told = one.replica.frontier({}).map((head) => ({ ...head, hash: head.hash.slice(0, 16) }))
    expect(two.replica.compareHeads({ heads: told })).toEqual([])
    const other = told.map((head) => ({ ...head, hash: head.hash.map((byte) => byte ^ 1) }))
    expect(two.replica.compareHeads({ heads: other })).toHaveLength(1)
  })

  test('three copies, one of them made of a copy; and one who hears of it all last', async () => {
    using pair = pairedVaults(3)
    const [a, b, c] = pair.vaults as [PairedVault, PairedVault, PairedVault]
    put(a.vault, 'before')
    const second = clone(a)
    const third = clone(a)
    const vaults = [a.vault, second.vault, third.vault]
    for (const [index, vault] of vaults.entries())
      for (let n = 0; n < 5 + index; n++) put(vault, `${index}-${n}`)
    pullAll(b.vault, second.vault)
    put(second.vault, 'more') // a branch that grows after it was sent
    await expectAlike([b.vault, ...vaults])
    pullAll(c.vault, b.vault)
    await expectAlike([c.vault, b.vault, ...vaults])
    expect(rowsOf(c.vault)).toHaveLength(1 + 5 + 6 + 7 + 1)
    second.close()
    third.close()
  })

  test('what was erased leaves no body in any branch, and the proofs say nothing of it', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a.vault, 'kept', 'gone')
    const copy = clone(a)
    put(a.vault, 'first')
    rename(copy.vault, 'gone', 'a secret nobody keeps')
    pullAll(b.vault, a.vault)
    await expectAlike([b.vault, a.vault, copy.vault])
    const entity = (await import('../../../schema/entities/index.ts')).ENTITY_BY_NAME.get('Conversation')!
    b.vault.transact((tx) => b.vault.erase(tx, [{ entity, key: 'gone' }]))
    await expectAlike([b.vault, a.vault, copy.vault], ['first', 'kept'])
    for (const vault of [a.vault, b.vault, copy.vault]) {
      const all = JSON.stringify([
        vault.all('SELECT hex(body) AS body FROM sync_operations'),
        vault.all('SELECT hex(first) AS one, hex(second) AS two FROM forks'),
      ])
      expect(all).not.toContain(Buffer.from('a secret nobody keeps').toString('hex').toUpperCase())
    }
    copy.close()
  })

  test('at random: copies of copies, meeting in any order', { timeout: 120_000 }, async () => {
    const random = seededRandom('forks')
    for (let run = 0; run < 4; run++) {
      using pair = pairedVaults(2)
      const [a, b] = pair.vaults as [PairedVault, PairedVault]
      const vaults: OpenVault[] = [a.vault, b.vault]
      const copies: { close(): void }[] = []
      const expected = new Set<string>()
      for (let turn = 0; turn < 30; turn++) {
        const at = random.integer(vaults.length)
        if (copies.length < 3 && random.next() < 0.1) {
          const copy = clone(a)
          vaults[0] = a.vault
          copies.push(copy)
          vaults.push(copy.vault)
        } else if (random.next() < 0.35) {
          const from = random.integer(vaults.length)
          if (from !== at) pullAll(vaults[at]!, vaults[from]!)
        } else {
          put(vaults[at]!, `${run}-${turn}`)
          expected.add(`${run}-${turn}`)
        }
      }
      await expectAlike(vaults, [...expected])
      for (const copy of copies) copy.close()
    }
  })
})
