import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { UserKeys } from '../../../daemon/identity/user-keys.ts'
import type { RegistryEntry } from '../../../daemon/master/registry.ts'
import { ContactExchange } from '../../../daemon/peers/contact-exchange.ts'
import type { PeersOptions } from '../../../daemon/peers/options.ts'
import { type PeersCaller, PeersService } from '../../../daemon/peers/peers-service.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import type { ReplicaActions } from '../../../daemon/vault/replica.ts'
import { deviceIdentities, type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import type { TestNetwork, TestNetworks } from '../network/test-networks.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

/** Somebody with a real vault and a real network, in this process. */
export interface TestPerson extends Disposable {
  readonly did: string
  readonly rootKey: KeyObject
  readonly keys: UserKeys
  readonly vault: PairedVault
  readonly network: TestNetwork
  readonly service: PeersService
  readonly caller: PeersCaller
  readonly counted: Map<string, number>
  /** What their master says of others. */
  readonly registry: Map<string, RegistryEntry>
  /** Added to the clock of their node; ms. */
  clock: { offset: number }
}

/** Those of a node without a master. */
const NO_MASTER: ReturnType<PeersOptions['master']> = {
  publish: async () => {},
  connections: async () => ({ records: [], next: 0 }),
  state: () => ({ state: 'none' }),
}

export async function testPerson(networks: TestNetworks, displayName: string): Promise<TestPerson> {
  const paired = pairedVaults(1)
  const [vault] = paired.vaults as [PairedVault]
  const { keys } = vault
  const network = await networks.start()
  const counted = new Map<string, number>()
  const registry = new Map<string, RegistryEntry>()
  const clock = { offset: 0 }
  vault.time = Date.now()
  const options: PeersOptions = {
    network,
    now: () => Date.now() + clock.offset,
    random,
    log: { info: () => {} },
    count: (name) => void counted.set(name, (counted.get(name) ?? 0) + 1),
    keysOf: async () => keys,
    userOf: (did) => (did === keys.did ? { displayName } : undefined),
    vault: () => replicateOf(vault.replica),
    isOpen: () => true,
    find: async (did) => registry.get(did),
    onSucceeded: () => {},
    master: () => NO_MASTER,
  }
  const service = new PeersService(options)
  return {
    did: keys.did,
    rootKey: paired.rootKey,
    keys,
    vault,
    network,
    service,
    caller: { did: keys.did, maxSecurityLevel: 5, mayReachPrivate: true },
    counted,
    registry,
    clock,
    [Symbol.dispose]: () => {
      service.stop()
      paired[Symbol.dispose]()
    },
  }
}

function replicateOf(replica: ReplicaActions): Replicate {
  return async (action, params) => {
    const act = replica[action] as (params: unknown) => never
    return act(params)
  }
}

/** Any number of people who share a node and keep nothing. */
export async function crowd(networks: TestNetworks) {
  const network = await networks.start()
  const people = new Map<string, UserKeys>()
  const exchange = new ContactExchange(
    {
      network,
      now: Date.now,
      random,
      log: { info: () => {} },
      count: () => {},
      keysOf: async (did) => people.get(did)!,
      userOf: () => ({ displayName: 'Somebody' }),
      vault: () => keepsNothing,
      isOpen: () => false,
      find: async () => undefined,
      onSucceeded: () => {},
    },
    { onContact: () => {}, onUnconfirmed: () => {}, onSuccessions: async () => {} },
  )
  return {
    network,
    exchange,
    join(rootKey = generateKeyPairSync('ed25519').privateKey): UserKeys {
      const { keys } = deviceIdentities(1, rootKey)[0]!
      people.set(keys.did, keys)
      return keys
    },
  }
}

/** They have had one root key for ever. */
const keepsNothing: Replicate = async (action) => {
  if (action === 'ownSuccessions') return [] as never
  throw new Error('they keep nothing')
}
