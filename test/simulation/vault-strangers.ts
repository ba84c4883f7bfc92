import { join } from 'node:path'
import { privateKeyOfSeed } from '../../daemon/identity/ed25519.ts'
import { type OpenVault, openVault } from '../../daemon/vault/open-vault.ts'
import { seededRandom } from '../support/seed.ts'
import { BEGIN, type Family, makeFamily } from './vault-family.ts'

export interface Strangers {
  /** Of a device that nobody certified, in the family's space, well signed. */
  readonly uncertified: readonly Uint8Array[]
  /** Of another person's device, in that person's space. */
  readonly foreign: readonly Uint8Array[]
}

/** Segments of those who have no say in a family's data. */
export function segmentsOfStrangers(family: Family): Strangers {
  using others = makeFamily('others')
  const now = () => BEGIN
  const { bytes } = seededRandom('strangers')
  const key = privateKeyOfSeed(bytes(32))
  const path = (name: string) => join(others.folder, `${name}.db`)
  return {
    uncertified: written(
      openVault({ ...family.optionsOf(family.devices[0]!, path('uncertified'), now, bytes), deviceKey: key }),
    ),
    foreign: written(openVault(others.optionsOf(others.devices[0]!, path('foreign'), now, bytes))),
  }
}

function written(vault: OpenVault): Uint8Array[] {
  for (let number = 0; number < 5; number++)
    vault.transact((tx) =>
      tx.write([
        {
          kind: 'INSERT',
          entity: 'Conversation',
          key: `conversation${number}`,
          values: { title: 'of a stranger' },
        },
      ]),
    )
  const [log] = vault.logs.frontier(vault.space)
  const { segments } = vault.readSegments({ ...log!, sequence: 1 }, 1_000_000)
  vault.close()
  return segments
}
