import type { UserKeys } from '../identity/user-keys.ts'
import type { KnownDevices } from './known-devices.ts'

/** One of a person's other devices. */
export interface PartyDevice {
  readonly device: Uint8Array
  readonly deviceDid: string
  readonly connected: boolean
}

/** A person's devices as one of them knows them, with its keys. */
export interface SyncParty {
  /** With the epochs that began since they were unlocked. */
  readonly keys: UserKeys
  /** This device. */
  readonly device: Uint8Array
  /** Its own document. */
  readonly document: Uint8Array
  readonly others: readonly PartyDevice[]
  readonly signedByRoot: readonly Uint8Array[]
  readonly saidByDevices: readonly Uint8Array[]
}

/** Undefined while this device has no document, or was taken out. */
export function partyOf(
  keys: UserKeys,
  devices: KnownDevices,
  isConnected: (deviceDid: string) => boolean,
): SyncParty | undefined {
  const own = devices.documentOf(keys.deviceDid)
  if (!own || devices.excludes(keys.deviceDid)) return undefined
  const others = devices.list.filter(({ deviceDid }) => deviceDid !== keys.deviceDid)
  return {
    keys,
    device: own.device,
    document: own.bytes,
    others: others.map(({ device, deviceDid }) => ({ device, deviceDid, connected: isConnected(deviceDid) })),
    signedByRoot: devices.signedByRoot,
    saidByDevices: devices.saidByDevices,
  }
}
