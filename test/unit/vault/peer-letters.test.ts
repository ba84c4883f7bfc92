import { expect, test } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const didOf = (seed: number) => encodeDid(publicKeyBytes(privateKeyOfSeed(new Uint8Array(32).fill(seed))))
const BEN = didOf(1)
const OWN = new Uint8Array(40).fill(1)
const THEIRS = new Uint8Array(40).fill(2)

/** Ben writes that he wants the contact; `holdsConsent`: and that he knows this person does. */
const wants = (at: number, holdsConsent = false) => ({
  from: BEN,
  at,
  says: {
    heard: { did: BEN, displayName: 'Ben', reach: null, consent: THEIRS },
    holdsConsent,
    own: OWN,
    secretHash: null,
  },
})
const ends = (at: number) => ({ from: BEN, at, says: null })

function exchange(one: PairedVault, two: PairedVault): void {
  for (let round = 0; round < 2; round++) {
    pull(one, two)
    pull(two, one)
  }
  const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
  expect(digestOf(one)).toEqual(digestOf(two))
}

function two() {
  const pair = pairedVaults(2)
  const [one, other] = pair.vaults as [PairedVault, PairedVault]
  one.replica.contactPolicy({ who: 'anyone', throughMaster: true })
  exchange(one, other)
  return { pair, one, other, owed: () => one.replica.letterTo({ did: BEN })?.owed ?? null }
}

test('what is owed: a request, then that both want it, then that it is over; each once', () => {
  const { pair, one, owed } = two()
  using _ = pair
  expect(owed()).toBeNull()
  one.replica.askContact({ did: BEN, consent: OWN })
  expect(owed()).toBe('request')
  expect(one.replica.letters({ limit: 10 }).map(({ contact }) => contact.did)).toEqual([BEN])
  one.replica.saidInLetter({ did: BEN, said: 'request', at: 10 })
  expect(owed()).toBeNull()
  expect(one.replica.hearLetter(wants(20, true))).toEqual({ outcome: 'accepted' })
  expect(one.replica.contact({ did: BEN })).toMatchObject({
    state: 'accepted',
    confirmedAt: expect.any(Number),
  })
  expect(owed()).toBe('accept')
  one.replica.saidInLetter({ did: BEN, said: 'accept', at: 11 })
  expect(owed()).toBeNull()
  one.replica.removeContact({ did: BEN })
  expect(owed()).toBe('ended')
  one.replica.blockContact({ did: BEN, blocked: true })
  expect(owed()).toBeNull()
  one.replica.blockContact({ did: BEN, blocked: false })
  one.replica.saidInLetter({ did: BEN, said: 'ended', at: 12 })
  expect(owed()).toBeNull()
  one.replica.askContact({ did: BEN, consent: OWN })
  expect(owed()).toBe('request')
})

test('who met over the network owes no letter; who declines says nothing', () => {
  const { pair, one, owed } = two()
  using _ = pair
  one.replica.askContact({ did: BEN, consent: OWN })
  one.replica.contactAnswered({ heard: wants(1).says.heard, own: OWN } as never)
  expect(owed()).toBeNull()
  one.replica.removeContact({ did: BEN })
  expect(owed()).toBe('ended')
  one.replica.saidInLetter({ did: BEN, said: 'ended', at: 5 })
  expect(one.replica.hearLetter(wants(6))).toEqual({ outcome: 'kept' })
  expect(owed()).toBeNull()
  one.replica.removeContact({ did: BEN })
  expect(owed()).toBeNull()
})

test('a request that was taken back without a word is told to who had it in a letter alone', () => {
  const { pair, one, owed } = two()
  using _ = pair
  one.replica.askContact({ did: BEN, consent: OWN })
  one.replica.removeContact({ did: BEN, silently: true })
  expect(owed()).toBeNull()
  one.replica.askContact({ did: BEN, consent: OWN })
  one.replica.saidInLetter({ did: BEN, said: 'request', at: 5 })
  one.replica.removeContact({ did: BEN, silently: true })
  expect(owed()).toBe('ended')
})

test('whose root key was replaced is told nothing under the old DID, and asked under the new one', () => {
  const { pair, one, owed } = two()
  using _ = pair
  const successor = didOf(2)
  one.replica.askContact({ did: BEN, consent: OWN })
  one.replica.hearLetter(wants(3, true))
  one.replica.saidInLetter({ did: BEN, said: 'accept', at: 5 })
  const statement = { predecessor: BEN, successor, at: 1_000, statement: new Uint8Array(9) }
  expect(one.replica.followSuccessors({ heard: [statement], own: OWN })).toEqual({ outcome: 'followed' })
  expect(owed()).toBeNull()
  expect(one.replica.letterTo({ did: successor })).toMatchObject({ owed: 'request' })
  expect(one.replica.hearLetter(wants(9))).toEqual({ outcome: 'superseded' })
  expect(one.replica.hearLetter(wants(9, true))).toEqual({ outcome: 'superseded' })
  expect(one.replica.hearLetter(ends(9))).toEqual({ outcome: 'superseded' })
  expect(one.replica.contact({ did: successor })).toMatchObject({ state: 'accepted' })
})

test('without the setting an end is owed to nobody', () => {
  const { pair, one, owed } = two()
  using _ = pair
  one.replica.contactPolicy({ throughMaster: false })
  one.replica.askContact({ did: BEN, consent: OWN })
  one.replica.removeContact({ did: BEN })
  expect(owed()).toBeNull()
})

test('an older letter is not acted upon again, on any device, whatever became of it', () => {
  const { pair, one, other } = two()
  using _ = pair
  expect(one.replica.hearLetter(wants(20))).toEqual({ outcome: 'kept' })
  one.replica.removeContact({ did: BEN })
  exchange(one, other)
  for (const { replica } of [one, other]) {
    for (const letter of [wants(20), wants(19), wants(20, true), ends(20)])
      expect(replica.hearLetter(letter)).toEqual({ outcome: 'old' })
    expect(replica.contact({ did: BEN })).toMatchObject({ state: 'removed' })
  }
  expect(other.replica.hearLetter(wants(21))).toEqual({ outcome: 'kept' })
})

test('an end ends a contact and takes a request back, and is nothing to somebody who asks or is unknown', () => {
  const { pair, one } = two()
  using _ = pair
  const { replica } = one
  expect(replica.hearLetter(ends(1))).toEqual({ outcome: 'ignored' })
  expect(replica.contact({ did: BEN })).toBeNull()
  replica.hearLetter(wants(2))
  expect(replica.hearLetter(ends(3))).toEqual({ outcome: 'ended' })
  expect(replica.contact({ did: BEN })).toMatchObject({ state: 'removed', displayName: null })
  replica.askContact({ did: BEN, consent: OWN })
  expect(replica.hearLetter(ends(4))).toEqual({ outcome: 'ignored' })
  expect(replica.contact({ did: BEN })).toMatchObject({ state: 'requested' })
  replica.saidInLetter({ did: BEN, said: 'request', at: 5 })
  replica.hearLetter(wants(5, true))
  expect(replica.hearLetter(ends(6))).toEqual({ outcome: 'ended' })
  // Nothing is owed to who ended it.
  expect(replica.letterTo({ did: BEN })).toMatchObject({ owed: null, said: null })
})

test('who says that both want it, and was removed, is no contact; who is blocked is heard of no more', () => {
  const { pair, one } = two()
  using _ = pair
  const { replica } = one
  replica.askContact({ did: BEN, consent: OWN })
  replica.removeContact({ did: BEN })
  expect(replica.hearLetter(wants(2, true))).toEqual({ outcome: 'ignored' })
  expect(replica.contact({ did: BEN })).toMatchObject({ state: 'removed' })
  replica.blockContact({ did: BEN, blocked: true })
  expect(replica.hearLetter(wants(3))).toEqual({ outcome: 'blocked' })
  // It came to nothing, and does not stand in the way of anything.
  replica.blockContact({ did: BEN, blocked: false })
  expect(replica.hearLetter(wants(3))).toEqual({ outcome: 'kept' })
})
