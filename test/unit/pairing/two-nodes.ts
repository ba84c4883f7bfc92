import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keystore } from '../../../daemon/identity/keystore.ts'
import type { UserKeys } from '../../../daemon/identity/user-keys.ts'
import type { Network } from '../../../daemon/network/network.ts'
import type { PairingOptions } from '../../../daemon/pairing/options.ts'
import { PairingService } from '../../../daemon/pairing/pairing-service.ts'
import { createPairedUser, createUser } from '../../../daemon/users/create-user.ts'

export const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

/** A node as far as pairing goes: real keys in a folder, and what it was told. */
export interface PairingNode {
  readonly service: PairingService
  readonly keystore: Keystore
  readonly folder: string
  /** Documents by DID of the device that the node was told of, in order. */
  readonly members: Uint8Array[]
  readonly names: Map<string, string>
  readonly paired: UserKeys[]
  createUser(displayName?: string): Promise<string>
}

/** Nodes of one test; `dispose` ends them and removes their files. */
export class PairingNodes {
  readonly #folders: string[] = []
  readonly #services: PairingService[] = []

  node(network: PairingOptions['network'] | Network, changes: Partial<PairingOptions> = {}): PairingNode {
    const folder = mkdtempSync(join(tmpdir(), 'vivim-pairing-'))
    this.#folders.push(folder)
    const now = changes.now ?? Date.now
    const keystore = new Keystore({ folder: join(folder, 'keys'), now, random })
    const services = { keystore, usersFolder: join(folder, 'users'), random }
    const members: Uint8Array[] = []
    const names = new Map<string, string>()
    const paired: UserKeys[] = []
    const service = new PairingService({
      network,
      now,
      random,
      log: { info: () => {}, warn: () => {} },
      keysOf: (did) => keystore.unlock(did),
      userOf: (did) => keystore.get(did),
      ownName: () => 'bench',
      createPairedUser: (user) => createPairedUser(services, user),
      onPaired: (keys) => void paired.push(keys),
      addMember: async (_did, document) => void members.push(document),
      nameDevice: async (_did, deviceDid, name) => void names.set(deviceDid, name),
      rendezvous: () => new Uint8Array([1]),
      ...changes,
    })
    this.#services.push(service)
    return {
      service,
      keystore,
      folder,
      members,
      names,
      paired,
      createUser: async (displayName = 'Ann') => (await createUser(services, { displayName })).did,
    }
  }

  dispose(): void {
    for (const service of this.#services.splice(0)) service.stop()
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  }
}
