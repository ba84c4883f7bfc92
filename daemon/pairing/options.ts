import type { Random } from '../identity/key-wrapping.ts'
import type { PairedUser } from '../identity/keystore.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { Network } from '../network/network.ts'

/** What pairing needs of the node it runs in. */
export interface PairingOptions {
  readonly network: Pick<Network, 'peerId' | 'multiaddrs' | 'running' | 'handle' | 'unhandle' | 'open'>
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly random: Random
  readonly log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
  /** @throws VivimError `Unauthorized` when the user is locked, `NotFound` */
  readonly keysOf: (did: string) => Promise<UserKeys>
  /** The name a user of this node goes by; undefined for a DID that is none. */
  readonly userOf: (did: string) => { readonly displayName: string | null } | undefined
  /** What this device is called when its person gives it no name. */
  readonly ownName: () => string
  /** Whole or not at all. @throws VivimError `Conflict`, `StorageFull` */
  readonly createPairedUser: (user: PairedUser) => Promise<UserKeys>
  /** A new user of this node came in through a pairing; called before `addMember`. */
  readonly onPaired: (keys: UserKeys) => void | Promise<void>
  /** Another device of a user of this node; may be told several times. */
  readonly addMember: (did: string, document: Uint8Array) => Promise<void>
  /** The name the new device was given; called on the device that let it in, after `addMember`. */
  readonly nameDevice: (did: string, deviceDid: string, name: string) => Promise<void>
  /** What this device's member document says of where it is. */
  readonly rendezvous: (keys: UserKeys) => Uint8Array
  /** How long a code is good, in ms; by default LIMITS.pairingMs. */
  readonly validMs?: number
}
