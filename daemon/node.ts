import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { naturalSocket, ownsSocketFolder, type Paths } from '../config/paths.ts'
import { createRouter } from '../rpc/router.ts'
import { listenOnSocket } from '../rpc/socket-server.ts'
import type { RpcLog } from '../rpc/types.ts'
import { authServices } from './auth-services.ts'
import { Backups } from './backup/backups.ts'
import { deleteUser, removeEnded } from './delete-user.ts'
import { deviceNamed, nameDevices } from './device-names.ts'
import { givenRootKey } from './given-root-key.ts'
import { nodeMethodHandlers, userCallHandler } from './handlers/index.ts'
import { nodeSeedOfHome } from './home.ts'
import { privateKeyOfSeed } from './identity/ed25519.ts'
import type { Random } from './identity/key-wrapping.ts'
import { Keystore } from './identity/keystore.ts'
import type { UserKeys } from './identity/user-keys.ts'
import { Lifecycle, type LifecycleLog } from './lifecycle.ts'
import { ANY_ADDRESS } from './listen-address.ts'
import { acquireDataLock } from './lock.ts'
import { startMailboxes } from './mailbox/start-mailboxes.ts'
import { isEnded } from './master/ended-accounts.ts'
import { masterMembership } from './master/master-membership.ts'
import { MasterService } from './master/master-service.ts'
import { documentsOf, Registration } from './master/registration.ts'
import { StatsReporter } from './master/stats-reporter.ts'
import { SystemPalette } from './master/system-palette.ts'
import { Metrics } from './metrics.ts'
import { createNetwork } from './network/libp2p-network.ts'
import { NetworkSwitch } from './network/network-switch.ts'
import { networkRole, relaySettings } from './node-config.ts'
import type { NodeContext } from './node-context.ts'
import { PairingService } from './pairing/pairing-service.ts'
import { PeersService } from './peers/peers-service.ts'
import { revokeDevice } from './revoke-device.ts'
import { succeedUser } from './succeed-user.ts'
import { SyncService } from './sync/sync-service.ts'
import type { Replicate } from './sync/sync-session.ts'
import { TokenizerService } from './tokenizer/tokenizer-service.ts'
import { UserDatabaseManager } from './users/user-database-manager.ts'
import { workerUserHosts } from './users/worker-user-host.ts'
import { codeOf, keepAllInStep, registerAll } from './users-at-start.ts'
import { latestSchemaVersion } from './vault/migrations.ts'

/** A subsystem's log; pino's loggers fit. */
export type NodeLog = LifecycleLog & RpcLog & { child(bindings: { subsystem: string }): NodeLog }

export interface NodeOptions {
  readonly config: Config
  readonly paths: Paths
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: NodeLog
  readonly version: string
  readonly peerId: string
  /** Milliseconds UTC when the process started, and on the monotonic clock. */
  readonly startedAt: number
  readonly startedMonotonic: number
  /** Called when somebody asks the node to stop over the socket. */
  readonly onShutdown: (reason: string) => void
  /** Compares results with their schemas: for tests. */
  readonly checkResults?: boolean
}

export interface RunningNode {
  readonly peerId: string
  readonly multiaddrs: readonly string[]
  readonly socket: string
  readonly readyMs: number
  /** Stops every part in order. */
  stop(reason: string): Promise<{ hung: readonly string[] }>
}

const random: Random = (bytes) => new Uint8Array(randomBytes(bytes))

/** Puts a node together and starts it. When it resolves, the socket answers. The only place that builds services. */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const { config, paths, log, env } = options
  const monotonic = () => performance.now()
  const lifecycle = new Lifecycle({ log: log.child({ subsystem: 'lifecycle' }), now: monotonic })
  try {
    return await start(options, lifecycle, paths, config, env)
  } catch (error) {
    await lifecycle.stop('a failed start')
    throw error
  }
}

async function start(
  options: NodeOptions,
  lifecycle: Lifecycle,
  paths: Paths,
  config: Config,
  env: NodeOptions['env'],
): Promise<RunningNode> {
  const { log, version, peerId, startedAt } = options
  const networkLog = log.child({ subsystem: 'network' })
  const clockOffsetMs = config.value('test.clockOffsetMs')
  const now = () => Date.now() + clockOffsetMs
  const metrics = new Metrics()
  metrics.gauge('node.rss_bytes', () => process.memoryUsage.rss())

  await lifecycle.start('lock', {
    start: () => {
      for (const folder of [paths.run, paths.keys]) mkdirSync(folder, { recursive: true, mode: 0o700 })
      return acquireDataLock({ home: paths.home, run: paths.run, users: paths.users, version, startedAt })
    },
    stop: (lock) => lock.release(),
  })

  const network = createNetwork({
    seed: nodeSeedOfHome(paths),
    listen: [config.value('network.listen') ?? ANY_ADDRESS],
    mdns: config.value('network.mdns'),
    ...relaySettings(config),
    upnp: config.value('network.upnp'),
    rememberIn: join(paths.run, 'peers.json'),
    log: networkLog,
    count: metrics.count,
  })
  metrics.gauge('network.peers', () => network.peers().length)

  const tokenizer = await lifecycle.start('tokenizer', {
    start: () => new TokenizerService(),
    stop: (service) => service.stop(),
  })

  const users = await lifecycle.start('users', {
    start: async () => {
      const manager = new UserDatabaseManager({
        usersFolder: paths.users,
        keystore: new Keystore({ folder: paths.keys, now, random }),
        openHost: workerUserHosts(),
        now,
        random,
        log: log.child({ subsystem: 'users' }),
        clockOffsetMs,
        privateFolders: [paths.home, paths.users],
        tokenizer: () => tokenizer.connect(),
        openUsers: config.value('limits.openUsers'),
        onCommitted: (did, frontier, written) => {
          sync.committed(did, frontier, written)
          mailboxes.committed(did)
          stats.committed(did)
        },
        onKeys: (keys) => {
          void keepInStep(keys)
          peers.opened(keys.did)
        },
        onGone: (did) => {
          sync.remove(did)
          peers.closed(did)
        },
        onRenewed: (keys) =>
          void sync
            .renewed(keys)
            .catch((error) => syncLog.warn({ code: codeOf(error) }, 'a renewed certificate is told later')),
        onCreated: (keys, displayName) => registration.register(keys, displayName),
        onDeleted: (did) => {
          for (const each of [auth.apps, network, peers, stats, master]) each.forget(did)
        },
      })
      await manager.sweep()
      return manager
    },
    stop: (manager) => manager.closeAll(8_000),
    stopBudgetMs: 10_000,
  })
  metrics.gauge('users.open', () => users.openCount)

  const replicate =
    (did: string): Replicate =>
    (action, params) =>
      users.getClient(did).then((client) => client.replicate(action, params))
  const peers = await lifecycle.start('peers', {
    start: () =>
      new PeersService({
        network,
        now,
        random,
        log: log.child({ subsystem: 'peers' }),
        count: metrics.count,
        keysOf: (did) => users.keysOf(did),
        userOf: (did) => users.list().find((user) => user.did === did),
        vault: replicate,
        isOpen: (did) => users.openVault(did) !== undefined,
        find: (did, signal) => master.find(did, signal),
        onSucceeded: (did) => users.noteSucceeded(did),
        master: () => master,
      }),
    stop: (service) => service.stop(),
  })

  const syncLog = log.child({ subsystem: 'sync' })
  // Nobody is signed in before the gateway is there.
  let endSessions: (did: string, deviceDids: readonly string[]) => void = () => {}
  const sync = await lifecycle.start('sync', {
    start: () => {
      const service = new SyncService({
        network,
        now,
        random,
        log: syncLog,
        count: metrics.count,
        replicate,
        openVault: (did) => users.openVault(did),
        ifOpen: (did) => (action, params) => users.replicateIfOpen(did, action, params),
        lookUp: async (did) => {
          const entry = await master.find(did)
          if (entry && isEnded(entry.records)) removeEnded({ users, gateway: auth.gateway }, did, syncLog)
          return documentsOf(entry)
        },
        onDocument: (keys, document) => registration.publish(keys, document, displayNameOf(users, keys.did)),
        onMembers: (keys, { count, documents, takenOut }) => {
          users.noteDevices(keys.did, count)
          registration.publishMembership(keys, documents)
          endSessions(keys.did, takenOut)
        },
        onRenewed: (keys) => users.keepRenewed(keys),
        deviceNamed: (did, name) => deviceNamed(users, did, name),
      })
      service.start()
      return service
    },
    stop: (service) => service.stop(),
  })
  const keepInStep = (keys: UserKeys): Promise<void> =>
    sync
      .add(keys)
      .then(() => mailboxes.soon(keys.did, 0))
      .catch((error) => syncLog.warn({ code: codeOf(error) }, "a user's devices are not kept in step"))

  const { role, join: joined, databaseUrl } = networkRole(config)
  const master = await lifecycle.start('master', {
    start: async () => {
      const service = new MasterService({
        role,
        join: joined,
        databaseUrl,
        folder: join(paths.home, 'master'),
        network,
        nodeKey: privateKeyOfSeed(nodeSeedOfHome(paths)),
        ownPeers: () => sync.connectedPeers(),
        log: log.child({ subsystem: 'master' }),
        now,
        random,
        count: metrics.count,
      })
      // It may know by now where a device is that was not found before.
      const back = () => Promise.all([sync.networkChanged(), peers.masterChanged()])
      service.onChange(() => void (service.state().state === 'online' && back()))
      await service.start()
      return service
    },
    stop: (service) => service.stop(),
    stopBudgetMs: 10_000,
  })
  const stats = await lifecycle.start('counts', {
    start: () =>
      new StatsReporter({
        file: join(paths.home, 'master', 'counts.json'),
        nodeKey: privateKeyOfSeed(nodeSeedOfHome(paths)),
        master,
        countsOf: (did) => users.captureCounts(did),
        wanted: () => config.value('master.shareCounts'),
        now,
        log: log.child({ subsystem: 'master' }),
      }),
    stop: (reporter) => reporter.stop(),
  })
  const registration = new Registration({
    master,
    now,
    rendezvous: (keys) => sync.rendezvous(keys),
    log: log.child({ subsystem: 'master' }),
  })

  // Where this node is reached stands in its users' documents.
  network.onAddresses(() => {
    master.networkChanged()
    void sync.networkChanged()
    peers.networkChanged()
  })
  const networkSwitch = await lifecycle.start('network', {
    start: async () => {
      const control = new NetworkSwitch({
        network,
        wanted: () => config.value('network.enabled'),
        log: networkLog,
        onUp: async () => {
          master.networkChanged()
          peers.networkChanged()
          await sync.networkChanged()
        },
      })
      await control.apply()
      return control
    },
    stop: (control) => control.stop(),
  })

  // Stopped before the network is: what was written last is left there.
  const mailboxes = await lifecycle.start('mailboxes', {
    start: () =>
      startMailboxes({
        role,
        keeper: joined,
        folder: join(paths.home, 'mailboxes'),
        network,
        sync,
        find: (did) => master.find(did),
        replicate,
        now,
        random,
        log: syncLog,
        metrics,
      }),
    stop: (service) => service.stop(),
  })

  const pairing = await lifecycle.start('pairing', {
    start: () =>
      new PairingService({
        network,
        now,
        random,
        log: log.child({ subsystem: 'pairing' }),
        keysOf: async (did) => sync.enrollingKeys(await users.keysOf(did)),
        userOf: (did) => users.list().find((user) => user.did === did),
        ownName: hostname,
        createPairedUser: (user) => users.createPairedUser(user),
        onPaired: (keys) => keepInStep(keys),
        addMember: async (did, document) => {
          await keepInStep(await users.keysOf(did))
          await sync.addMember(did, document)
        },
        nameDevice: (did, deviceDid, name) => nameDevices(users, did, new Map([[deviceDid, name]])),
        rendezvous: (keys) => sync.rendezvous(keys),
      }),
    stop: (service) => service.stop(),
  })

  const auth = await lifecycle.start('access log', {
    start: () =>
      authServices({
        nodeSeed: nodeSeedOfHome(paths),
        usersFolder: paths.users,
        users: () => users.list(),
        now,
        random,
        log,
      }),
    stop: ({ accessLog }) => accessLog.flush(),
  })
  endSessions = (did, deviceDids) => auth.gateway.endDevices(did, deviceDids)

  const elapsedMs = () => Math.round((performance.now() - options.startedMonotonic) * 10) / 10
  // A caller may be quicker than we are with noting that the socket answers.
  let readyMs = 0
  const context: NodeContext = {
    version,
    now,
    log: log.child({ subsystem: 'rpc' }),
    users,
    ...auth,
    config: {
      list: () => config.list(),
      get: (key) => config.get(key),
      set: async (key, value) => {
        const item = config.set(key, value)
        if (item.key === 'network.enabled') {
          await networkSwitch.apply()
          master.networkChanged()
        }
        return item
      },
    },
    sync: {
      syncNow: async (did, params) => {
        await keepInStep(await users.keysOf(did))
        return sync.syncNow(did, params)
      },
      findDevices: async (did) => {
        await keepInStep(await users.keysOf(did))
        return sync.findDevices(did)
      },
      audit: async (did, params) => {
        await keepInStep(await users.keysOf(did))
        return sync.audit(did, params)
      },
    },
    pairing,
    peers,
    revokeDevice: async (did, params) => {
      await keepInStep(await users.keysOf(did))
      return revokeDevice({ users, sync, now }, did, params)
    },
    deleteUser: (params) => deleteUser({ users, gateway: auth.gateway, master, now }, params),
    succeedUser: (params) => succeedUser({ users, peers, master, now }, params),
    resolveFork: async (did, { number, hash, ...given }) => {
      const rootKey = await givenRootKey(users, did, given)
      await keepInStep(await users.keysOf(did))
      await sync.resolve(did, rootKey, number, hash)
      return { number, hash }
    },
    network,
    master,
    palette: new SystemPalette({
      folder: join(paths.home, 'master'),
      nodeKey: privateKeyOfSeed(nodeSeedOfHome(paths)),
      master,
      now,
    }),
    membership: masterMembership(config, master, () => void registerAll(users, registration, syncLog)),
    backups: new Backups({
      users,
      currentKeys: (keys) => sync.enrollingKeys(keys),
      onRestored: (keys) => keepInStep(keys),
      scratch: paths.users,
      privateFolders: [paths.home, paths.users],
      now,
      random,
    }),
    counters: () => metrics.counters(),
    status: () => ({
      version,
      role: master.role,
      peerId,
      pid: process.pid,
      startedAt,
      readyMs: readyMs || elapsedMs(),
      rssMb: Math.round(process.memoryUsage.rss() / 1e5) / 10,
      multiaddrs: [...network.multiaddrs()],
      peers: network.peers().length,
      users: { total: users.list().length, open: users.openCount },
      master: master.state(),
      home: paths.home,
      socket: paths.socket,
    }),
    versions: () => ({ version, node: process.version, schema: latestSchemaVersion() }),
    get stopping() {
      return lifecycle.stopping
    },
    shutdown: options.onShutdown,
  }

  await lifecycle.start('socket', {
    start: async () => {
      const rpcLog = log.child({ subsystem: 'rpc' })
      const router = createRouter({
        handlers: nodeMethodHandlers(context),
        userCall: userCallHandler(context),
        log: rpcLog,
        count: metrics.count,
        onCall: auth.onCall,
        checkResults: options.checkResults ?? false,
      })
      const server = await listenOnSocket({
        path: paths.socket,
        router,
        holdsLock: true,
        ownsDirectory: ownsSocketFolder(paths, env),
        log: rpcLog,
        now,
        count: metrics.count,
      })
      recordSocket(paths)
      return server
    },
    stop: (server) => server.close(),
  })

  readyMs = elapsedMs()
  void users.resumePending().catch((error) => log.error({ err: error }, 'unfinished work was not resumed'))
  void keepAllInStep(users, keepInStep, syncLog)
  if (role !== 'solo') void registerAll(users, registration, syncLog)
  return {
    peerId,
    multiaddrs: network.multiaddrs(),
    socket: paths.socket,
    readyMs,
    stop: (reason) => lifecycle.stop(reason),
  }
}

function displayNameOf(users: UserDatabaseManager, did: string): string | null {
  return users.list().find((user) => user.did === did)?.displayName ?? null
}

/** Clients look for the socket in the home; when it is elsewhere, `run/where.json` says where. */
function recordSocket({ home, run, socket }: Paths): void {
  const file = join(run, 'where.json')
  if (socket === naturalSocket(home)) rmSync(file, { force: true })
  else writeFileSync(file, `${JSON.stringify({ socket })}\n`, { mode: 0o600 })
}
