import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { deviceTag } from '../../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../../crdt/log.ts'
import { commitmentOf, encodeOperation, saltOf } from '../../../crdt/operation.ts'
import { segmentMessage } from '../../../crdt/segment.ts'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'
import { issueMemberDocument } from '../../../daemon/identity/member-document.ts'
import { makeRevocation } from '../../../daemon/identity/revocation.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, type PairedVaults, pairedVaults, pull } from '../../support/paired-vaults.ts'

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const verified = ({ vault }: PairedVault) =>
  verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: `title of ${key}`, state: 'ACTIVE', version: 1 },
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
const keysIn = ({ vault }: PairedVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)

/** Takes `lost` out, as `by` would; `by` knows of it at once. */
function revoke({ rootKey }: PairedVaults, by: PairedVault, lost: PairedVault) {
  const members = by.replica.members({})
  const revocation = makeRevocation({
    rootKey,
    keys: by.keys,
    deviceDid: lost.deviceDid,
    documents: members.documents,
    excluded: members.excluded,
    frontier: by.replica.frontier({}),
    now: by.time,
    random: by.options.random,
  })
  by.replica.saveMembers({ documents: revocation.documents })
  return revocation
}

const tell = (from: PairedVault, to: PairedVault) =>
  to.replica.saveMembers({ documents: from.replica.members({}).documents })

function allExchange(vaults: readonly PairedVault[]) {
  for (let round = 0; round < 2; round++)
    for (const to of vaults)
      for (const from of vaults)
        if (to !== from) {
          tell(from, to)
          pull(to, from)
        }
}

async function expectAlike(vaults: readonly PairedVault[]) {
  const [first, ...others] = vaults
  for (const other of others) expect(digestOf(other)).toBe(digestOf(first!))
  for (const vault of vaults) expect((await verified(vault)).problems).toEqual([])
}

describe('a revoked device', () => {
  test('counts for what others had of it, and for nothing that it wrote later', async () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(lost, insert('early'), rename('early', 'mine'))
    pull(one, lost)
    put(lost, insert('late'), rename('early', 'stolen'))
    // The second device took the late writes in before it heard of the revocation.
    pull(two, lost)
    expect(titleOf(two, 'early')).toBe('stolen')
    revoke(all, one, lost)
    expect(one.replica.members({}).excluded).toEqual([lost.deviceDid])
    tell(one, two)
    expect(keysIn(two)).toEqual(['early'])
    expect(titleOf(two, 'early')).toBe('mine')
    // The first one gets the void operations from the second and keeps them without effect.
    expect(pull(one, two)).toBe(2)
    expect(keysIn(one)).toEqual(['early'])
    expect(one.vault.logs.frontierDigest(one.vault.space)).toBe(
      two.vault.logs.frontierDigest(two.vault.space),
    )
    await expectAlike([one, two])
    // It learns of it too: what it wrote counts nowhere, and it can write no more.
    tell(one, lost)
    expect(keysIn(lost)).toEqual(['early'])
    await expectAlike([one, two, lost])
    expect(() => put(lost, rename('early', 'again'))).toThrow('taken out')
  })

  test('does not come back by an old head, by the newest, or by a back-dated stamp', async () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(lost, insert('early'))
    for (const vault of [one, two]) pull(vault, lost)
    revoke(all, one, lost)
    tell(one, two)
    for (const [vault, membershipHead] of [
      [one, GENESIS_HASH],
      [two, one.vault.records.log.head],
    ] as const) {
      expect(vault.replica.apply({ segments: [forged(lost, membershipHead)] }).operations).toBe(1)
      expect(keysIn(vault)).toEqual(['early'])
      expect((await verified(vault)).problems).toEqual([])
    }
  })

  test('does not come back by a new log, nor by a device that it lets in', () => {
    using all = pairedVaults(2)
    const [one, lost] = all.vaults as [PairedVault, PairedVault]
    put(lost, insert('early'))
    pull(one, lost)
    const guest = enrolledBy(lost)
    revoke(all, one, lost)
    one.replica.saveMembers({ documents: [guest.document] })
    expect(one.replica.members({}).excluded).toContain(guest.deviceDid)
    for (const writer of [lost, guest]) {
      const segment = forgedBy(lost.vault.did, writer.keys.deviceKey, new Uint8Array(8).fill(9))
      expect(one.replica.apply({ segments: [segment] }).operations).toBe(1)
    }
    expect(keysIn(one)).toEqual(['early'])
  })

  test('gives the new key to nobody whose certificate has ended', () => {
    using person = pairedVaults(3)
    const [kept, lost, expired] = person.vaults as [PairedVault, PairedVault, PairedVault]
    const document = documentUntil(expired, kept.time)
    kept.replica.saveMembers({ documents: [document] })
    expect(revoke(person, kept, lost).wrappedFor).toEqual([kept.deviceDid])
    const again = pairedVaults(3)
    using _ = again
    const [one, two, valid] = again.vaults as [PairedVault, PairedVault, PairedVault]
    one.replica.saveMembers({ documents: [documentUntil(valid, one.time + 60_000)] })
    expect(new Set(revoke(again, one, two).wrappedFor)).toEqual(new Set([one.deviceDid, valid.deviceDid]))

    function documentUntil({ keys, deviceDid }: PairedVault, until: number): Uint8Array {
      const root = keys === expired.keys ? person.rootKey : again.rootKey
      const certificate = issueDeviceCertificate(root, {
        did: keys.did,
        deviceDid,
        issuer: keys.did,
        capabilities: PAIRED_CAPABILITIES,
        sequence: 2,
        issuedAt: until - 365 * 24 * 3_600_000,
      })
      const { did, receiveKey } = keys
      const record = { did, deviceDid, chain: [certificate], sequence: 2, receiveKey }
      return issueMemberDocument(keys.deviceKey, { ...record, rendezvous: new Uint8Array(0) })
    }
  })

  test('leaves those it had let in, where they are known, when it goes', () => {
    using all = pairedVaults(2)
    const [one, lost] = all.vaults as [PairedVault, PairedVault]
    const guest = enrolledBy(lost)
    one.replica.saveMembers({ documents: [guest.document] })
    const { admitted } = revoke(all, one, lost)
    expect(admitted).toEqual([guest.deviceDid])
    expect(one.replica.members({}).excluded).toEqual([lost.deviceDid])
    one.replica.apply({ segments: [forgedBy(lost.vault.did, guest.keys.deviceKey, new Uint8Array(8))] })
    expect(keysIn(one)).toEqual(['forged'])
  })

  test('waits, where its cut-offs have not come, until they do', async () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(lost, insert('early'))
    pull(one, lost)
    put(lost, insert('late'))
    const { documents } = revoke(all, one, lost)
    const [entry, ...rest] = documents
    two.replica.saveMembers({ documents: [entry!] })
    pull(two, lost)
    expect(keysIn(two)).toEqual([])
    expect(two.vault.held.count()).toBe(2)
    two.replica.saveMembers({ documents: rest })
    expect(keysIn(two)).toEqual(['early'])
    expect(two.vault.held.count()).toBe(0)
    pull(one, two)
    await expectAlike([one, two])
  })

  test('makes the others write under the new head; a head that is not known lets nothing wait', async () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(one, insert('before'))
    revoke(all, one, lost)
    put(one, insert('after'))
    pull(two, one)
    expect(keysIn(two)).toEqual(['after', 'before'])
    expect(two.vault.held.count()).toBe(0)
    tell(one, two)
    expect(keysIn(two)).toEqual(['after', 'before'])
    await expectAlike([one, two])
    const heads = one.vault
      .all<{ membership_head: Uint8Array }>('SELECT membership_head FROM segments ORDER BY first')
      .map(({ membership_head }) => Buffer.from(membership_head).toString('hex'))
    expect(heads).toEqual(
      [GENESIS_HASH, one.vault.records.log.head].map((hash) => Buffer.from(hash).toString('hex')),
    )
  })

  test('that erased later erased nothing where that was not known yet', () => {
    using all = pairedVaults(2)
    const [one, lost] = all.vaults as [PairedVault, PairedVault]
    put(one, insert('kept'))
    pull(lost, one)
    revoke(all, one, lost)
    lost.vault.transact((tx) => lost.vault.erase(tx, [{ entity: Conversation, key: 'kept' }]))
    pull(one, lost)
    expect(keysIn(one)).toEqual(['kept'])
    put(one, rename('kept', 'still here'))
    expect(titleOf(one, 'kept')).toBe('still here')
  })

  test('that erased many rows loses those that still wait: what they hid is shown again', async () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    const keys = Array.from({ length: 20 }, (_, n) => `c${n}`).sort()
    put(one, ...keys.map(insert))
    for (const vault of [two, lost]) pull(vault, one)
    lost.vault.transact((tx) =>
      lost.vault.erase(
        tx,
        keys.map((key) => ({ entity: Conversation, key })),
      ),
    )
    pull(two, lost)
    const shown = () => two.vault.all('SELECT id FROM conversations WHERE deleted = 0').length
    expect(shown()).toBe(0)
    revoke(all, one, lost)
    tell(one, two)
    expect(shown()).toBe(20)
    expect(two.vault.held.count()).toBe(0)
    pull(one, two)
    two.time += 48 * 3_600_000
    two.releaseHeld()
    await expectAlike([one, two])
    expect(keysIn(two)).toEqual(keys)
  })

  test('that erased one row, which was applied already, does not keep it from coming again', () => {
    using all = pairedVaults(3)
    const [one, two, lost] = all.vaults as [PairedVault, PairedVault, PairedVault]
    put(one, insert('a'))
    for (const vault of [two, lost]) pull(vault, one)
    lost.vault.transact((tx) => lost.vault.erase(tx, [{ entity: Conversation, key: 'a' }]))
    pull(two, lost)
    expect(keysIn(two)).toEqual([])
    revoke(all, one, lost)
    tell(one, two)
    put(one, rename('a', 'again'))
    pull(two, one)
    expect(titleOf(two, 'a')).toBe('again')
  })

  test('is the same everywhere whatever order devices meet in, with two versions of the log too', async () => {
    for (let round = 0; round < 6; round++) {
      using all = pairedVaults(4)
      const [one, two, three, lost] = all.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
      put(one, insert('a'), insert('b'))
      for (const vault of [two, three, lost]) pull(vault, one)
      put(lost, rename('a', 'first'))
      if (round % 2) pull(one, lost)
      put(lost, rename('a', 'second'), insert('c'))
      pull(two, lost)
      put(two, rename('b', 'of two'))
      revoke(all, one, lost)
      // Two devices revoke it at once: two entries with one number.
      if (round >= 3) revoke(all, two, lost)
      put(lost, rename('b', 'third'))
      pull(three, lost)
      put(three, rename('c', 'of three'))
      allExchange(round % 3 === 0 ? [three, one, two] : [two, three, one])
      await expectAlike([one, two, three])
      expect(titleOf(one, 'b')).toBe('of two')
      expect(titleOf(one, 'a')).toBe(round % 2 ? 'first' : null)
      expect(one.vault.records.log.forkedAt).toBe(round >= 3 ? 1 : undefined)
    }
  })

  test('survives a reopening', async () => {
    using all = pairedVaults(2)
    const [one, lost] = all.vaults as [PairedVault, PairedVault]
    put(lost, insert('early'))
    pull(one, lost)
    put(lost, insert('late'))
    revoke(all, one, lost)
    pull(one, lost)
    one.reopen()
    expect(keysIn(one)).toEqual(['early'])
    expect(one.replica.members({}).excluded).toEqual([lost.deviceDid])
    await expectAlike([one])
    expect(() => revoke(all, one, lost)).toThrow('already')
  })
})

/** A device that this one certifies, as pairing does. */
function enrolledBy({ keys }: PairedVault) {
  const deviceKey = generateKeyPairSync('ed25519').privateKey
  const device = publicKeyBytes(deviceKey)
  const deviceDid = encodeDid(device)
  const certificate = issueDeviceCertificate(keys.deviceKey, {
    did: keys.did,
    deviceDid,
    issuer: keys.deviceDid,
    capabilities: PAIRED_CAPABILITIES,
    sequence: 2,
    issuedAt: Date.now(),
  })
  const document = issueMemberDocument(deviceKey, {
    did: keys.did,
    deviceDid,
    chain: [...keys.chain, certificate],
    sequence: 1,
    receiveKey: keys.receiveKey,
    rendezvous: new Uint8Array(0),
  })
  return { deviceDid, document, keys: { deviceKey } }
}

/** A segment that the lost device makes after its last one, back-dated to that one's time. */
function forged({ vault, device, keys }: PairedVault, membershipHead: Uint8Array): Uint8Array {
  const [head] = vault.logs.frontier(vault.space).filter((each) => Buffer.compare(each.device, device) === 0)
  if (!head) throw new Error('a device without a log')
  return forgedBy(vault.did, keys.deviceKey, head.incarnation, { membershipHead, ...head })
}

function forgedBy(
  did: string,
  deviceKey: KeyObject,
  incarnation: Uint8Array,
  { sequence: last, hash: previousHash, membershipHead } = {
    sequence: 0,
    hash: GENESIS_HASH,
    membershipHead: GENESIS_HASH,
  },
): Uint8Array {
  const device = publicKeyBytes(deviceKey)
  const seed = new Uint8Array(32)
  const first = last + 1
  const log = { space: privateSpaceId(did), device, incarnation }
  const body = encodeOperation({
    hlc: { ms: Date.UTC(2026, 0, 1) + 1_000, counter: 0, device: deviceTag(device) },
    kind: 'INSERT',
    table: Conversation.number,
    key: 'forged',
    schemaVersion: 1,
    columns: new Map([[Conversation.columns.title.number, 'forged']]),
  })
  const headHash = new LogChain(log).hash(first, previousHash, commitmentOf(saltOf(seed, first), body))
  const header = { ...log, first, count: 1, previousHash, membershipHead, headHash }
  const signature = sign(deviceKey, segmentMessage(header))
  return encodeShippedSegment({ ...header, signature, seed, from: first, operations: [{ body }] })
}
