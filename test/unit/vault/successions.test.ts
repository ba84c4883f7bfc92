import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const didOf = (seed: number) => encodeDid(publicKeyBytes(privateKeyOfSeed(new Uint8Array(32).fill(seed))))
const [ANN, ANNA, EVE, CLEO] = [didOf(1), didOf(2), didOf(3), didOf(4)] as const

const consent = () => new Uint8Array(randomBytes(40))
const reach = { peerId: 'peer', addresses: ['/ip4/192.0.2.1/tcp/1'] }
const heardOf = (did: string) => ({ did, displayName: 'Ann', reach, consent: consent() })
const stated = (predecessor: string, successor: string) => {
  const statement = new TextEncoder().encode(`${predecessor} ${successor}`)
  return { predecessor, successor, at: 1_000, statement }
}
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)

function exchange(one: PairedVault, two: PairedVault): void {
  for (let round = 0; round < 2; round++) {
    pull(one, two)
    pull(two, one)
  }
  expect(digestOf(one)).toEqual(digestOf(two))
}

/** A contact with a name, a trust level and a node. */
function befriend({ replica }: PairedVault, did = ANN): void {
  replica.askContact({ did, reach, consent: consent() })
  replica.contactAnswered({ heard: heardOf(did), own: consent() })
  replica.nameContact({ did, name: 'Annie' })
  replica.trustContact({ did, level: 'close' })
}

const follow = ({ replica }: PairedVault, ...heard: ReturnType<typeof stated>[]) =>
  replica.followSuccessors({ heard, own: consent() }).outcome

test('a successor stands where the contact stood, with name, trust and nodes; the old one is nobody any more', () => {
  using pair = pairedVaults(1)
  const [vault] = pair.vaults as [PairedVault]
  const { replica } = vault
  expect(follow(vault, stated(ANN, ANNA))).toBe('stranger')
  befriend(vault)
  expect(follow(vault, stated(ANN, ANNA))).toBe('followed')
  expect(follow(vault, stated(ANN, ANNA))).toBe('known')
  expect(replica.contact({ did: ANNA })).toMatchObject({
    ...{ state: 'accepted', trust: 'close', petname: 'Annie', displayName: 'Ann', reach: [reach] },
    ...{ confirmedAt: null, hasTheirConsent: false },
    lineage: { succeeds: ANN, followedAt: expect.any(Number), succeededBy: null, disputed: false },
  })
  expect(replica.contact({ did: ANN })).toMatchObject({
    ...{ state: 'removed', petname: null, reach: [] },
    lineage: { succeededBy: ANNA, succeeds: null },
  })
  expect(replica.contacts({ after: '', limit: 9 }).map(({ did }) => did)).toEqual([ANN, ANNA].sort())
  expect(replica.petnamed({ name: 'Annie' })).toEqual([ANNA])
  expect(replica.contactsToTell({ limit: 9 }).map(({ did }) => did)).toEqual([ANNA])
  const hear = (did: string) =>
    replica.hearContact({ heard: heardOf(did), own: consent(), secretHash: null }).outcome
  expect(hear(ANN)).toBe('superseded')
  expect(hear(ANNA)).toBe('accepted')
  expect(() => replica.askContact({ did: ANN, reach, consent: consent() })).toThrow(
    expect.objectContaining({ code: 'Conflict' }),
  )
})

test('words that a master carries count for the successor alone, and nobody is told that it is over', () => {
  using pair = pairedVaults(1)
  const [{ replica, ...vault }] = pair.vaults as [PairedVault]
  befriend({ ...vault, replica } as PairedVault)
  replica.contactPolicy({ throughMaster: true })
  replica.saidInLetter({ did: ANN, said: 'accept', at: 5 })
  replica.followSuccessors({ heard: [stated(ANN, ANNA)], own: consent() })
  const letter = (from: string, holdsConsent: boolean, at: number) => {
    const says = { heard: heardOf(from), holdsConsent, own: consent(), secretHash: null }
    return replica.hearLetter({ from, at, says }).outcome
  }
  expect(replica.letterTo({ did: ANN })?.owed).toBeNull()
  expect(replica.letterTo({ did: ANNA })?.owed).toBe('request')
  expect(letter(ANN, false, 6)).toBe('superseded')
  expect(letter(ANN, true, 7)).toBe('superseded')
  expect(letter(ANNA, false, 8)).toBe('accepted')
  expect(replica.contact({ did: ANN })).toMatchObject({ state: 'removed' })
})

test('a second successor is kept as proof and never followed; of two that come together none is', () => {
  using pair = pairedVaults(1)
  const [vault] = pair.vaults as [PairedVault]
  const { replica } = vault
  befriend(vault)
  expect(follow(vault, stated(ANN, ANNA))).toBe('followed')
  expect(follow(vault, stated(ANN, EVE))).toBe('second')
  expect(follow(vault, stated(ANN, didOf(9)))).toBe('refused')
  for (const did of [ANN, ANNA, EVE])
    expect(replica.lineage({ did }), did).toMatchObject({ disputed: true, refused: did === EVE })
  expect(replica.lineage({ did: ANN }).succeededBy).toBe(ANNA)
  expect(replica.contact({ did: EVE })).toBeNull()
  replica.contactPolicy({ who: 'anyone' })
  const heard = { heard: heardOf(EVE), own: consent(), secretHash: null }
  expect(replica.hearContact(heard)).toEqual({ outcome: 'superseded' })

  befriend({ ...vault, replica: { ...replica, nameContact: () => null } }, CLEO)
  expect(follow(vault, stated(CLEO, didOf(6)), stated(CLEO, didOf(7)))).toBe('undecided')
  expect(follow(vault, stated(CLEO, didOf(6)))).toBe('known')
  expect(replica.contact({ did: CLEO })).toMatchObject({
    state: 'accepted',
    lineage: { succeededBy: null, disputed: true },
  })
})

test('chains are followed step by step up to a bound, and never in a circle', () => {
  using pair = pairedVaults(1)
  const [vault] = pair.vaults as [PairedVault]
  befriend(vault, EVE)
  expect(follow(vault, stated(EVE, CLEO))).toBe('followed')
  expect(follow(vault, stated(CLEO, EVE))).toBe('refused')
  expect(vault.replica.lineage({ did: CLEO })).toMatchObject({ succeeds: EVE, succeededBy: null })
  vault.replica.nameContact({ did: CLEO, name: null })
  befriend(vault)
  const chain = [ANN, ...Array.from({ length: LIMITS.successorChain + 1 }, (_, at) => didOf(20 + at))]
  const outcomes = chain.slice(1).map((did, at) => follow(vault, stated(chain[at]!, did)))
  expect(outcomes).toEqual([...Array(LIMITS.successorChain).fill('followed'), 'refused'])
  const last = chain[LIMITS.successorChain]!
  expect(vault.replica.contact({ did: last })).toMatchObject({ state: 'accepted', petname: 'Annie' })
  expect(follow(vault, stated(last, chain[3]!))).toBe('refused')
  expect(vault.replica.lineage({ did: last }).succeededBy).toBeNull()
})

test('a block goes over to the successor, whichever of the two comes first', () => {
  using pair = pairedVaults(1)
  const [vault] = pair.vaults as [PairedVault]
  const { replica } = vault
  replica.blockContact({ did: ANN, blocked: true })
  expect(follow(vault, stated(ANN, ANNA))).toBe('followed')
  expect(replica.contact({ did: ANNA })).toMatchObject({ blocked: true, state: 'removed' })
  befriend(vault, CLEO)
  expect(follow(vault, stated(CLEO, EVE))).toBe('followed')
  replica.blockContact({ did: CLEO, blocked: true })
  expect(replica.contact({ did: EVE })).toMatchObject({ blocked: true })
  replica.blockContact({ did: EVE, blocked: false })
  expect(replica.contact({ did: CLEO })).toMatchObject({ blocked: true })
})

test('two devices that follow different ones at once agree on one, and both know that it is disputed', () => {
  using pair = pairedVaults(2)
  const [one, two] = pair.vaults as [PairedVault, PairedVault]
  befriend(one)
  exchange(one, two)
  expect(follow(one, stated(ANN, ANNA))).toBe('followed')
  two.time = one.time + 1_000
  expect(follow(two, stated(ANN, EVE))).toBe('followed')
  exchange(one, two)
  for (const { replica } of [one, two]) {
    expect(replica.lineage({ did: ANN })).toMatchObject({ succeededBy: ANNA, disputed: true })
    expect(replica.lineage({ did: EVE })).toMatchObject({ succeeds: null, refused: true })
    const heard = { heard: heardOf(EVE), own: consent(), secretHash: null }
    expect(replica.hearContact(heard)).toEqual({ outcome: 'superseded' })
    expect(replica.contactsToTell({ limit: 9 }).map(({ did }) => did)).toEqual([ANNA])
  }
})

test('a person pins their own successor once, on all their devices, and shows it', () => {
  using pair = pairedVaults(2)
  const [one, two] = pair.vaults as [PairedVault, PairedVault]
  const { did } = pair
  expect(one.replica.keepOwnSuccession(stated(did, ANNA))).toEqual({ outcome: 'followed' })
  expect(one.replica.keepOwnSuccession(stated(did, ANNA))).toEqual({ outcome: 'known' })
  expect(one.replica.keepOwnSuccession(stated(did, EVE))).toEqual({ outcome: 'second' })
  exchange(one, two)
  expect(two.replica.lineage({ did })).toMatchObject({ succeededBy: ANNA, disputed: false })
  expect(two.replica.ownSuccessions({})).toEqual([stated(did, ANNA).statement])
  // Told by a master or a contact, it is kept as proof.
  expect(two.replica.followSuccessors({ heard: [stated(did, EVE)], own: null })).toEqual({
    outcome: 'second',
  })
  exchange(one, two)
  expect(one.replica.lineage({ did })).toMatchObject({ succeededBy: ANNA, disputed: true })
})
