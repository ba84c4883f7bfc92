import type { KeyObject } from 'node:crypto'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { encodeDid } from './did.ts'
import { privateKeyOfSeed, publicKeyBytes } from './ed25519.ts'
import type { Random } from './key-wrapping.ts'

const BYTES = 32

/** What a user's device keeps secret, as raw bytes: 32 each. */
export interface DeviceSecrets {
  readonly deviceSeed: Uint8Array
  /** Seals raw records, blobs and masked spans. */
  readonly vaultKey: Uint8Array
  /** Keys the markers of erased rows in the private space. */
  readonly spaceSecret: Uint8Array
  /** Kept outside the vault, so that a vault put back from a copy is noticed. */
  readonly bootToken: Uint8Array
}

/** The same, ready for use: what an unlocked user's worker is given. */
export interface UserKeys {
  readonly did: string
  readonly deviceDid: string
  readonly deviceKey: KeyObject
  readonly vaultKey: Uint8Array
  readonly spaceSecret: Uint8Array
  readonly bootToken: Uint8Array
}

export function makeSecrets(random: Random): DeviceSecrets {
  return {
    deviceSeed: random(BYTES),
    vaultKey: random(BYTES),
    spaceSecret: random(BYTES),
    bootToken: random(BYTES),
  }
}

export function encodeSecrets({ deviceSeed, vaultKey, spaceSecret, bootToken }: DeviceSecrets): Uint8Array {
  return encodeCanonical([deviceSeed, vaultKey, spaceSecret, bootToken])
}

/** Undefined for bytes that `encodeSecrets` did not make. */
export function decodeSecrets(bytes: Uint8Array): DeviceSecrets | undefined {
  let parts: Cbor
  try {
    parts = decodeCanonical(bytes)
  } catch {
    return undefined
  }
  if (!Array.isArray(parts) || parts.length !== 4) return undefined
  if (!parts.every((part): part is Uint8Array => part instanceof Uint8Array && part.length === BYTES))
    return undefined
  const [deviceSeed, vaultKey, spaceSecret, bootToken] = parts.map(ownCopy)
  return { deviceSeed: deviceSeed!, vaultKey: vaultKey!, spaceSecret: spaceSecret!, bootToken: bootToken! }
}

export function keysOf(did: string, secrets: DeviceSecrets): UserKeys {
  const deviceKey = privateKeyOfSeed(secrets.deviceSeed)
  return {
    did,
    deviceDid: encodeDid(publicKeyBytes(deviceKey)),
    deviceKey,
    vaultKey: ownCopy(secrets.vaultKey),
    spaceSecret: ownCopy(secrets.spaceSecret),
    bootToken: ownCopy(secrets.bootToken),
  }
}

/** A view into a pooled buffer would carry its neighbours along when it is posted to a worker. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
