import { expect, test } from 'vitest'
import { Acknowledgements } from '../../../daemon/vault/acknowledgements.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { markerOf } from '../../support/reference-state.ts'
import { StolenDevice } from '../../support/stolen-device.ts'

const { number, columns } = Conversation

test('a stamp a century ahead does not keep a device among those that are waited for', () => {
  using all = pairedVaults(2)
  const [a, stolen] = all.vaults as [PairedVault, PairedVault]
  const log = new StolenDevice(stolen, 7, a.time)
  const present = () => {
    const { logs, members, authority, space, ownLog } = a.vault
    const words = new Acknowledgements({ sql: a.vault, logs, members, authority, space, ownLog })
    return words.present(a.time).map(({ deviceDid }) => deviceDid)
  }
  a.replica.apply({ segments: [log.write([log.operation(1, number, 'now', 1, new Map())])] })
  log.ms += 100 * 365 * 24 * 3_600_000
  a.replica.apply({ segments: [log.write([log.operation(1, number, 'later', 1, new Map())])] })
  expect(present()).toContain(stolen.deviceDid)
  a.time += LIMITS.deviceAwayMs + 3_600_000
  expect(present()).toEqual([a.deviceDid])
})

test('what is erased leaves no body behind, of operations that never made a row either', () => {
  using all = pairedVaults(3)
  const [a, b, stolen] = all.vaults as [PairedVault, PairedVault, PairedVault]
  const log = new StolenDevice(stolen, 7, a.time)
  // A number where the title is text: void on every device.
  const nothing = log.operation(1, number, 'secret', 1, new Map([[columns.title.number, 7]]))
  a.replica.apply({ segments: [log.write([nothing])] })
  expect(a.vault.all('SELECT 1 FROM conversations')).toEqual([])
  const other = new StolenDevice(b, 9, a.time)
  const marker = markerOf(a.keys.spaceSecret, number, 'secret')
  a.replica.apply({ segments: [other.write([other.operation(5, number, marker, 1, new Map())])] })
  pull(b, a)
  for (const { vault } of [a, b])
    expect(
      vault.get('SELECT body FROM sync_operations o JOIN logs l ON l.ref = o.log WHERE l.device = ?', [
        stolen.device,
      ]),
    ).toEqual({ body: null })
})
