import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { deviceTag } from '../../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../../crdt/log.ts'
import { commitmentOf, encodeOperation, saltOf } from '../../../crdt/operation.ts'
import { segmentMessage } from '../../../crdt/segment.ts'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { sign } from '../../../daemon/identity/ed25519.ts'
import { makeRevocation } from '../../../daemon/identity/revocation.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

/** Three operations of a device, and any signature over a run of them. */
function logOf({ vault, device, keys, time }: PairedVault) {
  const id = { space: privateSpaceId(vault.did), device, incarnation: randomBytes(8) }
  const chain = new LogChain(id)
  const seed = randomBytes(32)
  const bodies = ['one', 'two', 'three'].map((key, index) =>
    encodeOperation({
      hlc: { ms: time + index, counter: 0, device: deviceTag(device) },
      kind: 'INSERT',
      table: Conversation.number,
      key,
      schemaVersion: 1,
      columns: new Map([[Conversation.columns.title.number, key]]),
    }),
  )
  const hashes: Uint8Array[] = [GENESIS_HASH]
  for (const [index, body] of bodies.entries())
    hashes.push(chain.hash(index + 1, hashes[index]!, commitmentOf(saltOf(seed, index + 1), body)))
  return (first: number, last: number, membershipHead: Uint8Array, from = first) => {
    const header = {
      ...id,
      first,
      count: last - first + 1,
      previousHash: hashes[first - 1]!,
      membershipHead,
      headHash: hashes[last]!,
    }
    const signature = sign(keys.deviceKey, segmentMessage(header))
    const operations = bodies.slice(from - 1, last).map((body) => ({ body }))
    return encodeShippedSegment({ ...header, signature, seed, from, operations })
  }
}

const alike = (a: PairedVault, b: PairedVault) => {
  const of = ({ vault }: PairedVault) => ({
    frontier: vault.logs.frontierDigest(vault.space),
    state: stateDigest(vault, vault.logs, vault.space),
    held: vault.held.count(),
    rows: vault.all("SELECT id FROM conversations WHERE title IN ('one', 'two', 'three')").length,
  })
  expect(of(a)).toEqual(of(b))
  return of(a)
}

test('signatures of one device over the same operations, under whatever heads, make no two devices differ', () => {
  using all = pairedVaults(4)
  const [a, b, x, y] = all.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
  const { documents, excluded } = a.replica.members({})
  const revocation = makeRevocation({
    rootKey: all.rootKey,
    keys: a.keys,
    deviceDid: y.deviceDid,
    documents,
    excluded,
    frontier: a.replica.frontier({}),
    now: a.time,
    random: a.options.random,
  })
  for (const vault of [a, b]) vault.replica.saveMembers({ documents: revocation.documents })
  const newest = a.vault.records.log.head
  const nobodys = new Uint8Array(randomBytes(32))
  const heads = [newest, GENESIS_HASH, nobodys]
  for (const first of heads)
    for (const second of heads)
      for (const third of heads) {
        const segment = logOf(x)
        a.replica.apply({ segments: [segment(1, 1, newest), segment(2, 2, first)] })
        a.replica.apply({ segments: [segment(2, 3, second, 3)] })
        b.replica.apply({ segments: [segment(1, 3, third)] })
        expect(alike(a, b)).toMatchObject({ held: 0, rows: 3 })
      }
  pull(a, b)
  pull(b, a)
  a.reopen()
  alike(a, b)
})
