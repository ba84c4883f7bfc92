import { expect, test } from 'vitest'
import { GENESIS_HASH } from '../../../crdt/log.ts'
import { hex } from '../../../crdt/membership.ts'
import { signMembershipEntry } from '../../../crdt/membership-entry.ts'
import { sign } from '../../../daemon/identity/ed25519.ts'
import { makeResolution } from '../../../daemon/identity/resolution.ts'
import { makeRevocation } from '../../../daemon/identity/revocation.ts'
import {
  type DeviceIdentity,
  deviceIdentities,
  type PairedVault,
  type PairedVaults,
  pairedVaults,
} from '../../support/paired-vaults.ts'

/** What somebody signs who found the words: an entry with the number of the person's own, against an honest device. */
function otherVersion({ rootKey, did }: PairedVaults, against: PairedVault): Uint8Array {
  const change = { kind: 'revoke', device: against.device, cutOffs: [] } as const
  const entry = { did, number: 1, previous: GENESIS_HASH, at: 1, change }
  return signMembershipEntry(entry, (message) => sign(rootKey, message))
}

function settledBy(
  { rootKey }: PairedVaults,
  { keys }: Pick<DeviceIdentity, 'keys'>,
  documents: readonly Uint8Array[],
  hash: string,
): Uint8Array {
  return makeResolution({ rootKey, keys, documents, number: 1, hash, now: 2 })
}

/** Three devices; the first takes the last out, and somebody else's version takes the second out. */
function parted(person: PairedVaults) {
  const [one, two, lost] = person.vaults as [PairedVault, PairedVault, PairedVault]
  const { documents } = makeRevocation({
    ...one.replica.members({}),
    rootKey: person.rootKey,
    keys: one.keys,
    deviceDid: lost.deviceDid,
    frontier: one.replica.frontier({}),
    now: one.time,
    random: one.options.random,
  })
  for (const each of [one, two]) each.replica.saveMembers({ documents })
  const own = hex(one.vault.records.entries[0]!.hash)
  // A moment later.
  for (const each of [one, two]) each.time += 1_000
  const theirs = otherVersion(person, two)
  for (const each of [one, two]) each.replica.saveMembers({ documents: [theirs] })
  const other = one.vault.records.entries.map(({ hash }) => hex(hash)).find((hash) => hash !== own)!
  return { one, two, own, other }
}

const isOut = (where: PairedVault, { device }: PairedVault) => where.vault.authority.isTakenOut(device)
const documentsOf = ({ replica }: PairedVault) => replica.members({}).documents

test('a device that was there undoes, with the words, what somebody else signed with them', () => {
  using person = pairedVaults(3)
  const { one, two, own, other } = parted(person)
  expect([isOut(one, two), isOut(two, two)]).toEqual([true, true])
  const settled = settledBy(person, one, documentsOf(one), own)
  for (const each of [one, two]) {
    expect(each.replica.saveMembers({ documents: [settled] }).forked).toBe(false)
    expect([isOut(each, two), isOut(each, person.vaults[2]!)]).toEqual([false, true])
    expect(each.vault.records.log.isSetAside(Buffer.from(other, 'hex'))).toBe(true)
    // It stays, as proof, and others are told.
    expect(each.vault.records.entries).toHaveLength(3)
  }
})

test('the words and a device made with them settle nothing, whatever else comes beside', () => {
  using person = pairedVaults(3)
  const { one, two, own, other } = parted(person)
  const [stranger] = deviceIdentities(1, person.rootKey) as [DeviceIdentity]
  const theirs = settledBy(person, stranger, [...documentsOf(one), stranger.document], other)
  for (const documents of [[theirs], [stranger.document, theirs], [theirs]])
    expect(one.replica.saveMembers({ documents }).forked).toBe(true)
  // Nor does what is not believed stand in the way of what is.
  const settled = settledBy(person, one, documentsOf(one), own)
  expect(one.replica.saveMembers({ documents: [settled, theirs] }).forked).toBe(false)
  expect(isOut(one, two)).toBe(false)
})

test('two devices that settle it differently settle nothing', () => {
  using person = pairedVaults(3)
  const { one, two, own, other } = parted(person)
  const before = documentsOf(one)
  const both = [settledBy(person, one, before, own), settledBy(person, two, before, other)]
  expect(one.replica.saveMembers({ documents: both }).forked).toBe(true)
  expect(two.replica.saveMembers({ documents: [...both].reverse() }).forked).toBe(true)
  expect(isOut(two, two)).toBe(true)
})

test('a device that knew neither version follows who introduces it', () => {
  using person = pairedVaults(3)
  const { one, own } = parted(person)
  one.replica.saveMembers({ documents: [settledBy(person, one, documentsOf(one), own)] })
  const late = person.vaults[2]!
  expect(late.replica.saveMembers({ documents: documentsOf(one) }).forked).toBe(false)
})
