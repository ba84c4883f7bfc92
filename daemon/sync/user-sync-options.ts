import type { UserKeys } from '../identity/user-keys.ts'
import type { Network } from '../network/network.ts'
import type { MembersNews } from './known-devices.ts'
import type { Replicate, ReplicateIfOpen } from './sync-session.ts'

export interface UserSyncOptions {
  readonly keys: UserKeys
  readonly network: Network
  readonly replicate: Replicate
  /** Two devices that agree say so twice a minute: that alone must open no database, and keep none open. */
  readonly ifOpen: ReplicateIfOpen
  /** The way to the database while it is open. */
  readonly openVault: () => Replicate | undefined
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
  readonly count: (name: string, by?: number) => void
  /** This device's own document is new: others who keep it should have it. */
  readonly onDocument: (document: Uint8Array) => void
  /** Documents of this person's devices that a master keeps. */
  readonly lookUp: (did: string) => Promise<readonly Uint8Array[]>
  readonly onMembers: (news: MembersNews) => void
  /** The certificates of this device are others: its keys, to be kept. @throws as the keystore */
  readonly onRenewed: (keys: UserKeys) => void
}
