import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { personNamed } from '../../../daemon/peers/person.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const didOf = (seed: number) => encodeDid(publicKeyBytes(privateKeyOfSeed(new Uint8Array(32).fill(seed))))
const BEN = didOf(1)
const CLEO = didOf(2)

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const consent = () => new Uint8Array(randomBytes(40))
const heardOf = (did: string) => ({
  did,
  displayName: 'Somebody',
  reach: { peerId: 'peer', addresses: ['/ip4/192.0.2.1/tcp/1'] },
  consent: consent(),
})
const replicateOf =
  ({ replica }: PairedVault): Replicate =>
  async (action, params) =>
    (replica[action] as (params: unknown) => never)(params)

function exchange(one: PairedVault, two: PairedVault): void {
  for (let round = 0; round < 2; round++) {
    pull(one, two)
    pull(two, one)
  }
  expect(digestOf(one)).toEqual(digestOf(two))
}

test('accepted on one device and blocked on another at the same moment: blocked, on both', () => {
  using pair = pairedVaults(2)
  const [one, two] = pair.vaults as [PairedVault, PairedVault]
  one.replica.contactPolicy({ who: 'anyone' })
  expect(one.replica.hearContact({ heard: heardOf(BEN), own: consent(), secretHash: null })).toEqual({
    outcome: 'kept',
  })
  exchange(one, two)
  two.replica.blockContact({ did: BEN, blocked: true })
  one.replica.acceptContact({ did: BEN, own: consent() })
  one.replica.trustContact({ did: BEN, level: 'close' })
  exchange(one, two)
  for (const { replica } of [one, two]) {
    expect(replica.contact({ did: BEN })).toMatchObject({ state: 'accepted', blocked: true, trust: 'close' })
    expect(replica.hearContact({ heard: heardOf(BEN), own: consent(), secretHash: null })).toEqual({
      outcome: 'blocked',
    })
    expect(replica.contactsToTell({ limit: 10 })).toEqual([])
  }
})

test('one name given to two people on two devices: who says it is asked which they mean', async () => {
  using pair = pairedVaults(2)
  const [one, two] = pair.vaults as [PairedVault, PairedVault]
  one.replica.nameContact({ did: BEN, name: 'Sam' })
  two.replica.nameContact({ did: CLEO, name: 'Sam' })
  expect(await personNamed(replicateOf(one), ' Sam ')).toBe(BEN)
  exchange(one, two)
  await expect(personNamed(replicateOf(one), 'Sam')).rejects.toMatchObject({ code: 'Conflict' })
  two.replica.nameContact({ did: CLEO, name: null })
  exchange(one, two)
  for (const vault of [one, two]) expect(await personNamed(replicateOf(vault), 'Sam')).toBe(BEN)
  expect(() => one.replica.nameContact({ did: CLEO, name: 'Sam' })).toThrow(
    expect.objectContaining({ code: 'Conflict' }),
  )
})

test('an invite is used once, also after the database was closed; its user may show it again as long as they are a contact', () => {
  using pair = pairedVaults(1)
  const [vault] = pair.vaults as [PairedVault]
  const secretHash = new Uint8Array(randomBytes(32))
  const expiresAt = vault.time + 60_000
  vault.replica.makeContactInvite({ id: 'one', secretHash, petname: 'Ben', expiresAt })
  const hear = (did: string) =>
    vault.replica.hearContact({ heard: heardOf(did), own: consent(), secretHash }).outcome
  expect(hear(BEN)).toBe('accepted')
  vault.reopen()
  expect(hear(CLEO)).toBe('bad_invite')
  expect(hear(BEN)).toBe('accepted')
  // Taken off the list, they do not come back by what they still have.
  vault.replica.removeContact({ did: BEN })
  expect(hear(BEN)).toBe('bad_invite')
  expect(vault.replica.contacts({ after: '', limit: 10 }).map(({ petname }) => petname)).toEqual(['Ben'])
  expect(vault.replica.contactInvites({})).toMatchObject([{ id: 'one', usedBy: BEN }])
})
