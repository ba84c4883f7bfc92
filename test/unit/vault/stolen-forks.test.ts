import { expect, test } from 'vitest'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { StolenDevice } from '../../support/stolen-device.ts'
import { meet } from '../../support/vault-session.ts'

const { number } = Conversation
const insert = (log: StolenDevice, key: string) => log.operation(1, number, key, 1, new Map())
const keysOf = ({ vault }: PairedVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)

test('two devices that were told different branches of one log come to hold both', () => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  const [one, other] = [new StolenDevice(stolen, 7, a.time), new StolenDevice(stolen, 7, a.time + 5)]
  a.replica.apply({ segments: [one.write([insert(one, 'k1')])] })
  b.replica.apply({ segments: [other.write([insert(other, 'k2'), insert(other, 'k3')])] })
  meet(a, b)
  for (const vault of [a, b]) expect(keysOf(vault)).toEqual(['k1', 'k2', 'k3'])
  expect(stateDigest(b.vault, b.vault.logs, b.vault.space)).toBe(
    stateDigest(a.vault, a.vault.logs, a.vault.space),
  )
  expect(b.vault.logs.frontierDigest(b.vault.space)).toBe(a.vault.logs.frontierDigest(a.vault.space))
})

test('branches of one log without end are passed over beyond the logs of one device', () => {
  using all = pairedVaults(2)
  const [a, stolen] = all.vaults as [PairedVault, PairedVault]
  let passedOver = 0
  for (let branch = 0; branch < LIMITS.deviceLogs + 5; branch++) {
    const log = new StolenDevice(stolen, 7, a.time + branch)
    passedOver += a.replica.apply({ segments: [log.write([insert(log, `k${branch}`)])] }).passedOver
  }
  expect(a.vault.logs.list(a.vault.space).length).toBeLessThanOrEqual(LIMITS.deviceLogs + 1)
  expect(passedOver).toBeGreaterThan(0)
})
