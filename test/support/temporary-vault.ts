import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verify } from '../../daemon/identity/ed25519.ts'
import { memberReader } from '../../daemon/identity/member-reader.ts'
import { type OpenVault, openVault, type VaultOptions } from '../../daemon/vault/open-vault.ts'

export interface TemporaryVault {
  readonly vault: OpenVault
  readonly folder: string
  readonly path: string
  readonly options: VaultOptions
  /** Closes the vault, if it is open, and opens the same file again. */
  reopen(): OpenVault
  [Symbol.dispose](): void
}

/** A real vault in a folder of its own, gone when disposed. The clock steps 1 ms per reading. */
export function temporaryVault(changes: Partial<VaultOptions> = {}): TemporaryVault {
  const folder = mkdtempSync(join(tmpdir(), 'vivim-vault-'))
  let time = Date.UTC(2026, 0, 1)
  const options: VaultOptions = {
    path: join(folder, 'vault.db'),
    did: 'did:key:z6MkTest',
    deviceKey: generateKeyPairSync('ed25519').privateKey,
    vaultKey: randomBytes(32),
    spaceSecret: randomBytes(32),
    verify,
    readMember: memberReader('did:key:z6MkTest'),
    verifyRoot: () => false,
    now: () => ++time,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    ...changes,
  }
  let vault = openVault(options)
  const closeQuietly = () => {
    try {
      vault.close()
    } catch {} // a test may have closed it
  }
  return {
    get vault() {
      return vault
    },
    folder,
    path: options.path,
    options,
    reopen() {
      closeQuietly()
      vault = openVault(options)
      return vault
    },
    [Symbol.dispose]() {
      closeQuietly()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
