import type { Random } from '../identity/key-wrapping.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { MasterService } from '../master/master-service.ts'
import type { RegistryEntry } from '../master/registry.ts'
import type { Network } from '../network/network.ts'
import type { Replicate } from '../sync/sync-session.ts'

/** What being in contact with other people needs of the node it runs in. */
export interface PeersOptions {
  readonly network: Pick<
    Network,
    | 'peerId'
    | 'multiaddrs'
    | 'running'
    | 'peers'
    | 'protect'
    | 'forget'
    | 'handle'
    | 'unhandle'
    | 'open'
    | 'connect'
    | 'disconnect'
  >
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly random: Random
  readonly log: { info(details: object, message: string): void }
  readonly count: (name: string) => void
  /** @throws VivimError `Unauthorized` when the user is locked, `NotFound` */
  readonly keysOf: (did: string) => Promise<UserKeys>
  /** A user of this node; undefined for a DID that is none. */
  readonly userOf: (did: string) => { readonly displayName: string | null } | undefined
  /** The way to a user's vault, which is opened if need be. */
  readonly vault: (did: string) => Replicate
  /** Whether it is open now. */
  readonly isOpen: (did: string) => boolean
  /** Carries what people who want that say to each other. */
  readonly master: () => Pick<MasterService, 'publish' | 'connections' | 'state'>
  /** What the master knows of a person. @throws VivimError `Unavailable` */
  readonly find: (did: string, signal: AbortSignal) => Promise<RegistryEntry | undefined>
  /** The root key of a user of this node has a successor. */
  readonly onSucceeded: (did: string) => void
}
