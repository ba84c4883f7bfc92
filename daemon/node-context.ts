import type { Params, Result } from '../schema/methods/index.ts'
import type { Backups } from './backup/backups.ts'
import type { AccessLog } from './identity/access-log.ts'
import type { AppGrants } from './identity/app-grants.ts'
import type { AuthChallenges } from './identity/auth-challenges.ts'
import type { AuthGateway } from './identity/auth-gateway.ts'
import type { MasterMembership } from './master/master-membership.ts'
import type { MasterService } from './master/master-service.ts'
import type { SystemPalette } from './master/system-palette.ts'
import type { Network } from './network/network.ts'
import type { PairingService } from './pairing/pairing-service.ts'
import type { PeersService } from './peers/peers-service.ts'
import type { SyncService } from './sync/sync-service.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'

export type ConfigItem = Result<'config.get'>

/** Settings at run time. */
export interface ConfigService {
  list(): ConfigItem[]
  /** @throws VivimError `NotFound` */
  get(key: string): ConfigItem
  /** Now and in the file. @throws VivimError `NotFound`, `InvalidParams`, `Forbidden` for one that is not dynamic */
  set(key: string, value: Params<'config.set'>['value']): ConfigItem | Promise<ConfigItem>
}

/** What the handlers are made of: the running node, assembled once. */
export interface NodeContext {
  readonly version: string
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly log: { info(details: object, message: string): void }
  readonly users: UserDatabaseManager
  readonly gateway: AuthGateway
  readonly challenges: AuthChallenges
  readonly apps: AppGrants
  readonly accessLog: AccessLog
  readonly config: ConfigService
  readonly sync: Pick<SyncService, 'syncNow' | 'audit' | 'findDevices'>
  readonly pairing: Pick<PairingService, 'start' | 'join' | 'confirm' | 'status' | 'cancel' | 'list'>
  readonly peers: PeersService
  readonly network: Pick<Network, 'peerId' | 'state'>
  readonly master: Pick<MasterService, 'status' | 'find' | 'newGeneration' | 'providerStats'>
  readonly palette: Pick<SystemPalette, 'commands' | 'actions' | 'setCommand' | 'setAction' | 'remove'>
  readonly membership: MasterMembership
  readonly backups: Pick<Backups, 'create' | 'verify' | 'restore'>
  revokeDevice(did: string, params: Params<'devices.revoke'>): Promise<Result<'devices.revoke'>>
  deleteUser(params: Params<'users.delete'>): Promise<void>
  succeedUser(params: Params<'users.succeed'>): Promise<Result<'users.succeed'>>
  /** Settles on one of two versions of a person's DID log. */
  resolveFork(did: string, params: Params<'devices.resolve'>): Promise<Result<'devices.resolve'>>
  /** Values of the counters by name. */
  counters(): Record<string, number>
  status(): Result<'node.status'>
  versions(): Result<'node.version'>
  /** True from the moment a shutdown began. */
  readonly stopping: boolean
  /** Begins an orderly stop. Called after the caller's answer had its turn. */
  shutdown(reason: string): void
}
