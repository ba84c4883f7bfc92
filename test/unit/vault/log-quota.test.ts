import { expect, test } from 'vitest'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { revoke, StolenDevice, tellMembers } from '../../support/stolen-device.ts'
import { meet, session } from '../../support/vault-session.ts'

const { number, columns } = Conversation
const MOST = LIMITS.deviceLogs
const titles = new Map([[columns.title.number, 'stolen']])

/** Logs of one operation each, numbered. */
function flood(to: PairedVault, stolen: PairedVault, from: number, count: number, step = 1): number {
  let passedOver = 0
  for (let name = from; name < from + count * step; name += step) {
    const log = new StolenDevice(stolen, name, to.time)
    const segments = [log.write([log.operation(1, number, `k${name}`, 1, titles)])]
    passedOver += to.replica.apply({ segments }).passedOver
  }
  return passedOver
}
const logsOf = ({ vault }: PairedVault, { device }: PairedVault) =>
  vault.logs.list(vault.space).filter((log) => Buffer.compare(log.device, device) === 0).length
const put = ({ vault }: PairedVault, key: string) =>
  vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: 'Conversation', key, values: { title: key } }]))
const has = ({ vault }: PairedVault, key: string) =>
  vault.get('SELECT 1 FROM conversations WHERE id = ?', [key]) !== undefined
const digests = ({ vault }: PairedVault) => [
  stateDigest(vault, vault.logs, vault.space),
  vault.logs.frontierDigest(vault.space),
]

test('a device that writes logs without end can be taken out, and nobody else is shut out', () => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  expect(flood(a, stolen, 1, MOST + 10)).toBe(10)
  expect(logsOf(a, stolen)).toBe(MOST)
  put(b, 'real')
  meet(a, b)
  expect(has(a, 'real')).toBe(true)
  revoke(all, a, stolen)
  expect(a.replica.members({}).excluded).toEqual([stolen.deviceDid])
  meet(a, b)
  expect(digests(b)).toEqual(digests(a))
  expect(has(b, 'k1')).toBe(true)
})

test('devices that took different logs of it go on with each other, and hold the same once it is taken out', () => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  flood(a, stolen, 1, MOST)
  flood(b, stolen, 1001, MOST)
  put(a, 'of a')
  put(b, 'of b')
  // It ends, though they do not come to hold the same.
  const { phases } = session(a, b)
  expect(phases).toEqual(['comparing', 'comparing'])
  expect([has(a, 'of b'), has(b, 'of a')]).toEqual([true, true])
  expect(logsOf(a, stolen)).toBe(MOST)

  revoke(all, b, stolen)
  tellMembers(b, a)
  meet(a, b)
  expect(digests(b)).toEqual(digests(a))
  for (const vault of [a, b]) expect([has(vault, 'k1'), has(vault, 'k1001')]).toEqual([false, true])
})

test('of the logs that no cut-off names all keep the same, whichever came first', () => {
  using all = pairedVaults(4)
  const [a, b, c, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
  flood(a, stolen, 1, MOST, 2)
  flood(b, stolen, 2, MOST, 2)
  flood(c, stolen, 501, 3)
  revoke(all, c, stolen)
  for (const vault of [a, b]) tellMembers(c, vault)
  for (let round = 0; round < 2; round++)
    for (const [one, other] of [
      [a, b],
      [b, c],
      [a, c],
    ] as const)
      session(one, other)
  for (const vault of [b, c]) expect(digests(vault)).toEqual(digests(a))
  expect(
    a.replica.frontier({}).filter(({ device }) => Buffer.compare(device, stolen.device) === 0),
  ).toHaveLength(MOST)
  meet(a, c)
})
