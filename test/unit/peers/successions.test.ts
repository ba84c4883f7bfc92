import { generateKeyPairSync } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { issueSuccession, readSuccession } from '../../../daemon/identity/successor.ts'
import { issueConsent, issueProof, readProof } from '../../../daemon/peers/contact-proof.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { until } from '../../support/until.ts'
import { TestNetworks } from '../network/test-networks.ts'
import { type TestPerson, testPerson } from './people.ts'

const networks = new TestNetworks()
let ann: TestPerson
let anna: TestPerson
let ben: TestPerson

beforeEach(async () => {
  ;[ann, anna, ben] = await Promise.all([
    testPerson(networks, 'Ann'),
    testPerson(networks, 'Anna'),
    testPerson(networks, 'Ben'),
  ])
})
afterEach(async () => {
  for (const person of [ann, anna, ben]) person[Symbol.dispose]()
  await networks.stopAll()
})

const seenBy = async ({ service, caller }: TestPerson, did: string) =>
  (await service.list(caller, { limit: 200 })).items.find((item) => item.did === did)

/** Contacts of each other, without a word about root keys. */
async function befriend(): Promise<void> {
  const { invite } = await ann.service.createInvite(ann.caller, {})
  await ben.service.acceptInvite(ben.caller, { invite, name: 'Annie' })
}

/** As `users.succeed` does it, on both sides of it. */
function succeed(from: TestPerson, to: TestPerson): Uint8Array {
  const statement = issueSuccession(from.rootKey, to.rootKey, 5)
  const stated = { ...readSuccession(statement)!, statement }
  for (const { vault } of [from, to]) vault.replica.keepOwnSuccession(stated)
  return statement
}

const addressOf = ({ network }: TestPerson) => network.multiaddrs()[0]!
const stated = (did: string, statement: Uint8Array) => ({
  did,
  devices: [],
  records: [{ kind: 'successor' as const, bytes: statement }],
})

test('who shows whose place they took stands there, although the door is closed to strangers', async () => {
  await befriend()
  const before = (await seenBy(ben, ann.did))!.safety
  succeed(ann, anna)
  const asked = await anna.service.request(anna.caller, { did: ben.did, address: addressOf(ben) })
  expect(asked).toMatchObject({ state: 'accepted', delivered: true })
  const followed = await until('Ben follows', () => seenBy(ben, anna.did))
  expect(followed).toMatchObject({ petname: 'Annie', state: 'accepted', succeeds: ann.did, disputed: false })
  expect(followed.safety).not.toBe(before)
  expect(await seenBy(ben, ann.did)).toMatchObject({ state: 'none', succeededBy: anna.did })
  expect(ben.counted.get('peers.successors.followed')).toBe(1)

  // The old key is nobody's contact any more, and Ben cannot take it for one.
  const old = await ann.service.request(ann.caller, { did: ben.did, address: addressOf(ben) })
  expect(old.delivered).toBe(true)
  expect(ben.counted.get('peers.heard.superseded')).toBeGreaterThan(0)
  await expect(
    ben.service.request(ben.caller, { did: ann.did, address: addressOf(ann) }),
  ).rejects.toMatchObject({ code: 'Conflict', hint: expect.stringContaining(anna.did) })
})

test('who asks the old one is told by it, and then finds the new one', async () => {
  await befriend()
  succeed(ann, anna)
  ben.service.networkChanged()
  await until(
    'Ben is told by the old node',
    async () => (await seenBy(ben, ann.did))?.succeededBy === anna.did,
  )
})

test('without the statement, or with one that the old key did not sign, somebody is a stranger', async () => {
  await befriend()
  const eve = anna
  const forged = issueSuccession(ann.rootKey, eve.rootKey, 5)
  forged[forged.length - 100]! ^= 1
  expect(readSuccession(forged)).toBeUndefined()
  const row = { predecessor: ann.did, successor: eve.did, at: 5, statement: forged }
  eve.vault.replica.keepOwnSuccession(row)
  await eve.service.request(eve.caller, { did: ben.did, address: addressOf(ben) })
  expect(ben.counted.get('peers.successors.forged')).toBeGreaterThan(0)
  expect(ben.counted.get('peers.heard.not_allowed')).toBeGreaterThan(0)
  expect(await seenBy(ben, eve.did)).toBeUndefined()
  expect(await seenBy(ben, ann.did)).toMatchObject({ state: 'accepted', succeededBy: null })
})

test('a block goes over: the successor of who is blocked is answered like anybody', async () => {
  await befriend()
  await ben.service.block(ben.caller, 'Annie', true)
  succeed(ann, anna)
  const asked = await anna.service.request(anna.caller, { did: ben.did, address: addressOf(ben) })
  expect(asked).toMatchObject({ state: 'requested', delivered: true })
  expect(ben.counted.get('peers.heard.blocked')).toBeGreaterThan(0)
  expect(await seenBy(ben, anna.did)).toMatchObject({ state: 'blocked', petname: 'Annie' })
})

test('the master is asked about contacts when a database is opened; a second statement is told and not followed', async () => {
  await befriend()
  ben.registry.set(ann.did, stated(ann.did, issueSuccession(ann.rootKey, anna.rootKey, 5)))
  ben.service.opened(ben.did)
  await until('Ben follows', async () => (await seenBy(ben, anna.did))?.state === 'accepted')
  const eve = generateKeyPairSync('ed25519').privateKey
  const second = issueSuccession(ann.rootKey, eve, 6)
  ben.registry.set(ann.did, { ...stated(ann.did, second) })
  ben.service.masterChanged()
  await until('Ben is told', async () => (await seenBy(ben, anna.did))?.disputed)
  expect(await seenBy(ben, anna.did)).toMatchObject({ state: 'accepted', petname: 'Annie' })
  expect(await seenBy(ben, encodeDid(publicKeyBytes(eve)))).toBeUndefined()
  expect(ben.counted.get('peers.successors.second')).toBe(1)
})

test('a proof binds the statements, and one with more or longer ones than anybody needs is none', () => {
  const statement = issueSuccession(ann.rootKey, anna.rootKey, 5)
  const nonce = new Uint8Array(32)
  const context = {
    role: 'asks',
    ownPeerId: 'a',
    otherPeerId: 'b',
    askerNonce: nonce,
    answererNonce: nonce,
  } as const
  const consent = issueConsent(anna.keys, ben.did, 5)
  const proofOf = (successions: readonly Uint8Array[]) =>
    issueProof(
      anna.keys.deviceKey,
      { consent, addresses: [], displayName: null, secret: null, successions },
      context,
    )
  const read = (fields: ReturnType<typeof proofOf>) => readProof(fields, context)?.successions
  expect(read(proofOf([statement]))).toEqual([statement])
  expect(read(proofOf([]))).toEqual([])
  const five = proofOf([]).slice(0, 5)
  for (const fields of [
    proofOf(Array(LIMITS.successionsShown + 1).fill(statement)),
    proofOf([new Uint8Array(LIMITS.successionBytes + 1)]),
    [...five, []],
    [...five, [statement]],
    [...five, 'statement'],
    proofOf([statement]).slice(0, 5),
    [...proofOf([statement]), []],
  ])
    expect(read(fields)).toBeUndefined()
})
