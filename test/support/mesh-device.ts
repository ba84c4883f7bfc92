import { randomBytes } from 'node:crypto'
import { createNetwork } from '../../daemon/network/libp2p-network.ts'
import type { Network } from '../../daemon/network/network.ts'
import { SyncService } from '../../daemon/sync/sync-service.ts'
import type { Replicate, ReplicateIfOpen } from '../../daemon/sync/sync-session.ts'
import { CommitNews } from '../../daemon/users/commit-news.ts'
import type { FactChange } from '../../daemon/vault/vault.ts'
import type { PairedVault } from './paired-vaults.ts'
import { until } from './until.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const silent = { info: () => {}, warn: () => {}, error: () => {} }

export interface MeshDevice extends AsyncDisposable {
  readonly vault: PairedVault
  readonly network: Network
  readonly sync: SyncService
  readonly counts: ReadonlyMap<string, number>
  /** How its network publishes; a test may lose what it likes. */
  publish: Network['publish']
  /** Whether its database counts as open. */
  isOpen: boolean
  write(...changes: FactChange[]): void
  frontier(): string
}

/** A node of one device, real in network and vault, in this thread. */
export async function meshDevice(vault: PairedVault): Promise<MeshDevice> {
  const counts = new Map<string, number>()
  const count = (name: string, by = 1) => void counts.set(name, (counts.get(name) ?? 0) + by)
  const seed = random(32)
  const network = createNetwork({
    seed,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    mdns: false,
    log: silent,
    count,
  })
  const publish = network.publish.bind(network)
  network.publish = (topic, message) => made.publish(topic, message)
  const replicate = (async (action, params) => {
    await null
    return (vault.replica[action] as (params: unknown) => unknown)(params)
  }) as Replicate
  const sync = new SyncService({
    network,
    replicate: () => replicate,
    openVault: () => (made.isOpen ? replicate : undefined),
    ifOpen: () =>
      (async (action, params) => replicate(action, params).catch(() => undefined)) as ReplicateIfOpen,
    now: Date.now,
    random,
    log: silent,
    count,
    lookUp: async () => [],
    onDocument: () => {},
    onMembers: () => {},
    onRenewed: () => {},
    deviceNamed: async () => undefined,
  })
  let gone = false
  const news = new CommitNews(vault.vault, (frontier, written) => {
    if (!gone) sync.committed(vault.keys.did, frontier, written)
  })
  vault.vault.onCommit = () => news.schedule()
  const made: MeshDevice = {
    vault,
    network,
    sync,
    counts,
    publish,
    isOpen: true,
    write: (...changes) => vault.vault.transact((tx) => tx.write(changes)),
    frontier: () => vault.vault.logs.frontierDigest(vault.vault.space),
    [Symbol.asyncDispose]: async () => {
      gone = true
      news.flush()
      vault.vault.onCommit = () => {}
      sync.stop()
      await network.stop()
    },
  }
  sync.start()
  await network.start()
  await sync.add(vault.keys)
  return made
}

/** The document a device signed of itself, with where it is. */
export function documentOf({ vault }: MeshDevice): Uint8Array {
  const own = vault.vault.members.list().find(({ deviceDid }) => deviceDid === vault.deviceDid)
  return new Uint8Array(own!.document)
}

/** Each learns where the others are, as pairing tells it, and hears them on gossip. */
export async function introduce(devices: readonly MeshDevice[]): Promise<void> {
  const documents = devices.map(documentOf)
  for (const device of devices)
    for (const document of documents) await device.sync.addMember(device.vault.keys.did, document)
  await until(
    'everybody is connected to everybody',
    async () => devices.every(({ network }) => network.peers().length >= devices.length - 1),
    60_000,
  )
}

export const insert = (key: string, title = 'a title'): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})

export const alike = (devices: readonly MeshDevice[]) =>
  new Set(devices.map((device) => device.frontier())).size === 1
