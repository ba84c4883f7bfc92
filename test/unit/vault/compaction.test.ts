import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const DAY = 24 * 3_600_000
const pace = async () => {}

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const verified = ({ vault }: PairedVault) =>
  verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), pace)
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const rename = (key: string, title: string): FactChange => ({
  kind: 'UPDATE',
  entity: 'Conversation',
  key,
  values: { custom_title: title },
})
const upkeep = (vault: PairedVault) => new Upkeep(vault.vault, vault.deviceDid).run(pace, true)
const count = ({ vault }: PairedVault, which: string) =>
  vault.get<{ n: number }>(`SELECT count(*) AS n FROM sync_operations WHERE ${which}`)!.n

function exchange(vaults: readonly PairedVault[]): void {
  for (let round = 0; round < 2; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
}

describe('compaction', () => {
  test('bodies go once every device has said in its log that it holds what superseded them', async () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, rename('c1', 'first'), rename('c1', 'second'), rename('c1', 'last'))
    exchange([a, b, c])
    expect((await upkeep(a)).dropped).toBe(0)
    await upkeep(b)
    exchange([a, b, c])
    expect((await upkeep(a)).dropped).toBe(0)
    // It holds what both others said, and knows of itself.
    expect((await upkeep(c)).dropped).toBe(2)
    exchange([a, b, c])
    for (const vault of [a, b, c]) {
      const before = digestOf(vault)
      expect((await upkeep(vault)).dropped).toBe(vault === c ? 0 : 2)
      expect(digestOf(vault)).toBe(before)
      expect((await verified(vault)).problems).toEqual([])
      vault.reopen()
      expect(digestOf(vault)).toBe(before)
    }
    expect(digestOf(b)).toBe(digestOf(a))
    expect(count(a, "instr(body, 'second') > 0")).toBe(0)
    expect(count(a, "instr(body, 'last') > 0")).toBe(1)
    // What is hollow goes on by that: somebody new comes to hold the same.
    put(a, rename('c1', 'after'))
    exchange([a, b, c])
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
    expect((await verified(c)).problems).toEqual([])
  })

  test('a large log is looked through when a hundredth of it is new, when an hour has passed, or when asked', async () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    const { vault, deviceDid } = a
    const titles = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, at) => rename(`c${from + at}`, 'title'))
    for (let at = 0; at <= LIMITS.compactAtOnceOperations; at += 1_000) put(a, ...titles(at, at + 1_000))
    const upkeep = new Upkeep(vault, deviceDid)
    expect((await upkeep.run(pace)).dropped).toBe(0)
    put(a, ...titles(0, 10))
    expect((await upkeep.run(pace)).dropped).toBe(0)
    put(a, ...titles(10, 300))
    expect((await upkeep.run(pace)).dropped).toBe(300)
    put(a, ...titles(0, 10))
    expect((await upkeep.run(pace)).dropped).toBe(0)
    a.time += LIMITS.compactLargeMs
    expect((await upkeep.run(pace)).dropped).toBe(10)
    put(a, ...titles(0, 10))
    expect((await upkeep.run(pace)).dropped).toBe(0)
    expect((await upkeep.run(pace, true)).dropped).toBe(10)
  })

  test('acknowledgements end: nobody answers one with another', async () => {
    using pair = pairedVaults(2)
    const vaults = pair.vaults as [PairedVault, PairedVault]
    put(vaults[0], rename('c1', 'x'))
    exchange(vaults)
    for (let round = 0; round < 5; round++) {
      for (const vault of vaults) await upkeep(vault)
      exchange(vaults)
    }
    expect(count(vaults[0], '1')).toBe(2)
    expect(count(vaults[1], '1')).toBe(2)
  })

  test('a device away for more than ninety days is not waited for, one away for less is', async () => {
    using three = pairedVaults(3)
    const [a, b] = three.vaults as [PairedVault, PairedVault]
    put(a, rename('c1', 'first'), rename('c1', 'last'))
    exchange([a, b])
    for (const vault of [a, b]) vault.time += 80 * DAY
    put(a, rename('c2', 'new'))
    exchange([a, b])
    await upkeep(b)
    exchange([a, b])
    expect((await upkeep(a)).dropped).toBe(0)
    for (const vault of [a, b]) vault.time += 20 * DAY
    expect((await upkeep(a)).dropped).toBe(1)
    expect((await verified(a)).problems).toEqual([])
  })

  test('what waits is not held: nobody acknowledges it, and nothing after it', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, rename('c1', 'first'))
    a.time += DAY
    put(a, rename('c1', 'ahead'))
    exchange([a, b])
    expect(b.vault.held.count()).toBe(1)
    await upkeep(b)
    pull(a, b)
    expect((await upkeep(a)).dropped).toBe(0)
    b.time += DAY
    b.releaseHeld()
    await upkeep(b)
    pull(a, b)
    expect((await upkeep(a)).dropped).toBe(1)
  })

  test('storage: what a log costs beside its payload, and what is left after compaction', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    for (let n = 0; n < 300; n++)
      put(
        a,
        ...Array.from({ length: 10 }, (_, index): FactChange => {
          const id = `m${n}-${index}`
          return {
            kind: 'INSERT',
            entity: 'MessageVersion',
            key: id,
            values: {
              message_id: id,
              content_hash: 'h'.repeat(64),
              captured_at: 1_700_000_000_000,
              parts_json: JSON.stringify([{ type: 'text', content: `${id} `.repeat(60) }]),
            },
          }
        }),
        { kind: 'INSERT', entity: 'Conversation', key: `c${n}`, values: { title: `t${n}`, version: 1 } },
      )
    for (let round = 0; round < 10; round++)
      for (let n = 0; n < 300; n += 4) put(a, rename(`c${n}`, `renamed for the ${round}th time`))
    exchange([a, b])
    await upkeep(b)
    exchange([a, b])
    const payload = bytesOf(a, 'SELECT sum(length(body)) AS n FROM sync_operations')
    const before = logBytes(a)
    const { dropped } = await upkeep(a)
    a.vault.purge()
    const after = logBytes(a)
    const live = pages(a, ['conversations', 'messages', 'message_versions', 'conversation_tags', 'devices'])
    const bodies = bytesOf(a, 'SELECT sum(length(body)) AS n FROM sync_operations')
    console.log(
      `log ${(before / payload).toFixed(2)}x payload before; ${dropped} of ${count(a, '1')} bodies dropped; after that ${(after / live).toFixed(2)}x live rows, ${(after / bodies).toFixed(2)}x the bodies that stay`,
    )
    expect(dropped).toBe(75 * 9)
    expect(before / payload).toBeLessThanOrEqual(1.6)
    expect(after / live).toBeLessThanOrEqual(1.2)
    expect((await verified(a)).problems).toEqual([])
  })
})

const bytesOf = ({ vault }: PairedVault, sql: string) => vault.get<{ n: number }>(sql)!.n

const logBytes = (vault: PairedVault) => pages(vault, ['sync_operations', 'segments'])

/** Bytes of the pages of tables and their indexes. */
function pages(vault: PairedVault, tables: readonly string[]): number {
  return bytesOf(
    vault,
    `SELECT sum(pgsize) AS n FROM dbstat WHERE name IN (SELECT name FROM sqlite_schema
       WHERE tbl_name IN (${tables.map((table) => `'${table}'`).join()}))`,
  )
}
