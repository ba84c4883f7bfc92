import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { verify } from '../../daemon/identity/ed25519.ts'
import { memberReader } from '../../daemon/identity/member-reader.ts'
import { openVault } from '../../daemon/vault/open-vault.ts'
import { installSnapshot } from '../../daemon/vault/snapshot-install.ts'
import { Snapshots } from '../../daemon/vault/snapshots.ts'

/** What the parent writes into the file named on the command line; bytes in base64. */
export interface InstallOrder {
  readonly path: string
  readonly did: string
  readonly deviceKey: string
  readonly vaultKey: string
  readonly spaceSecret: string
  readonly time: number
  readonly root: string
}

const order = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as InstallOrder
const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))
let time = order.time
const vault = openVault({
  path: order.path,
  did: order.did,
  deviceKey: createPrivateKey(order.deviceKey),
  vaultKey: bytes(order.vaultKey),
  spaceSecret: bytes(order.spaceSecret),
  verify,
  readMember: memberReader(order.did),
  verifyRoot: () => false,
  now: () => ++time,
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
})
process.stdout.write('installing\n')
installSnapshot(vault, new Snapshots(vault), bytes(order.root), () => {})
process.stdout.write('installed\n')
// Killed where it stands: nothing is closed.
setInterval(() => {}, 1_000)
