import { randomBytes } from 'node:crypto'
import type { Frontier } from '../../../crdt/frontier.ts'
import type { UserKeys } from '../../../daemon/identity/user-keys.ts'
import { createNetwork } from '../../../daemon/network/libp2p-network.ts'
import { SyncService } from '../../../daemon/sync/sync-service.ts'
import type { Replicate, ReplicateIfOpen } from '../../../daemon/sync/sync-session.ts'

/** A node of one device without its surroundings: a real network, real sync, and a vault somewhere. */
export interface SyncDevice extends AsyncDisposable {
  readonly sync: SyncService
  /** This device's document with the addresses it listens on. */
  document(): Promise<Uint8Array>
  addMember(document: Uint8Array): Promise<void>
  committed(frontier: Frontier, written: readonly Uint8Array[]): void
}

export async function syncDevice(keys: UserKeys, replicate: Replicate): Promise<SyncDevice> {
  const silent = { info: () => {}, warn: () => {}, error: () => {} }
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
  const network = createNetwork({
    seed: random(32),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
    log: silent,
  })
  const signed = Promise.withResolvers<Uint8Array>()
  const sync = new SyncService({
    network,
    replicate: () => replicate,
    openVault: () => replicate,
    ifOpen: () =>
      (async (action, params) => replicate(action, params).catch(() => undefined)) as ReplicateIfOpen,
    now: Date.now,
    random,
    log: silent,
    count: () => {},
    lookUp: async () => [],
    onDocument: (_, document) => signed.resolve(document),
    onMembers: () => {},
    onRenewed: () => {},
    deviceNamed: async () => undefined,
  })
  sync.start()
  await network.start()
  await sync.add(keys)
  return {
    sync,
    document: () => signed.promise,
    addMember: (document) => sync.addMember(keys.did, document),
    committed: (frontier, written) => sync.committed(keys.did, frontier, written),
    [Symbol.asyncDispose]: async () => {
      sync.stop()
      await network.stop()
    },
  }
}
