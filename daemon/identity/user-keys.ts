import type { KeyObject } from 'node:crypto'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import { encodeDid } from './did.ts'
import { privateKeyOfSeed, publicKeyBytes } from './ed25519.ts'
import type { Random } from './key-wrapping.ts'
import { xWingPublicKey } from './x-wing.ts'

const BYTES = 32

/** What every device of a person has: who holds it reads their private space. 32 bytes each. */
export interface SharedSecrets {
  /** Seals raw records, blobs and masked spans. */
  readonly vaultKey: Uint8Array
  /** Keys the markers of erased rows in the private space. */
  readonly spaceSecret: Uint8Array
  /** Epoch keys of the private space, oldest first; never empty. */
  readonly epochs: readonly EpochKey[]
}

/** What one device of a user keeps secret, as raw bytes: 32 each. */
export interface DeviceSecrets extends SharedSecrets {
  readonly deviceSeed: Uint8Array
  /** X-Wing: opens what is wrapped for this device. */
  readonly receiveSeed: Uint8Array
  /** Kept outside the vault, so that a vault put back from a copy is noticed. */
  readonly bootToken: Uint8Array
}

/** The same, ready for use: what an unlocked user's worker is given. */
export interface UserKeys extends SharedSecrets {
  readonly did: string
  readonly deviceDid: string
  readonly deviceKey: KeyObject
  /** X-Wing public key, 1,216 bytes, and its seed. */
  readonly receiveKey: Uint8Array
  readonly receiveSeed: Uint8Array
  readonly bootToken: Uint8Array
  /** Certificates from the one the root key signed to this device's own. */
  readonly chain: readonly Uint8Array[]
}

/** The secrets of a new person's first device. */
export function makeSecrets(random: Random): DeviceSecrets {
  return {
    deviceSeed: random(BYTES),
    receiveSeed: random(BYTES),
    vaultKey: random(BYTES),
    spaceSecret: random(BYTES),
    bootToken: random(BYTES),
    epochs: [{ epoch: 0, key: random(BYTES) }],
  }
}

export function encodeSecrets(secrets: DeviceSecrets): Uint8Array {
  const { deviceSeed, receiveSeed, vaultKey, spaceSecret, bootToken, epochs } = secrets
  const fixed = [deviceSeed, receiveSeed, vaultKey, spaceSecret, bootToken]
  return encodeCanonical([...fixed, encodeEpochs(epochs)])
}

/** Undefined for bytes that `encodeSecrets` did not make. */
export function decodeSecrets(bytes: Uint8Array): DeviceSecrets | undefined {
  let parts: Cbor
  try {
    parts = decodeCanonical(bytes)
  } catch {
    return undefined
  }
  if (!Array.isArray(parts) || parts.length !== 6) return undefined
  const fixed = parts.slice(0, 5)
  const epochs = decodeEpochs(parts[5])
  if (!fixed.every(isKey) || !epochs) return undefined
  const [deviceSeed, receiveSeed, vaultKey, spaceSecret, bootToken] = fixed.map(ownCopy)
  return {
    deviceSeed: deviceSeed!,
    receiveSeed: receiveSeed!,
    vaultKey: vaultKey!,
    spaceSecret: spaceSecret!,
    bootToken: bootToken!,
    epochs,
  }
}

/** Epoch keys as a CBOR value: [[number, key]]. */
export function encodeEpochs(epochs: readonly EpochKey[]): Cbor {
  return epochs.map(({ epoch, key }) => [epoch, key])
}

/** Undefined unless there is at least one and the numbers rise. */
export function decodeEpochs(value: Cbor | undefined): EpochKey[] | undefined {
  if (!Array.isArray(value) || value.length === 0) return undefined
  const epochs: EpochKey[] = []
  for (const item of value as readonly Cbor[]) {
    if (!Array.isArray(item) || item.length !== 2) return undefined
    const [epoch, key] = item as readonly Cbor[]
    if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || !isKey(key)) return undefined
    if (epoch <= (epochs.at(-1)?.epoch ?? -1)) return undefined
    epochs.push({ epoch, key: ownCopy(key) })
  }
  return epochs
}

export function keysOf(did: string, secrets: DeviceSecrets, chain: readonly Uint8Array[]): UserKeys {
  const deviceKey = privateKeyOfSeed(secrets.deviceSeed)
  return {
    did,
    deviceDid: encodeDid(publicKeyBytes(deviceKey)),
    deviceKey,
    receiveKey: xWingPublicKey(secrets.receiveSeed),
    receiveSeed: ownCopy(secrets.receiveSeed),
    vaultKey: ownCopy(secrets.vaultKey),
    spaceSecret: ownCopy(secrets.spaceSecret),
    bootToken: ownCopy(secrets.bootToken),
    epochs: secrets.epochs.map(({ epoch, key }) => ({ epoch, key: ownCopy(key) })),
    chain: chain.map(ownCopy),
  }
}

/** A 32-byte secret. */
export function isKey(value: Cbor | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === BYTES
}

/** A view into a pooled buffer would carry its neighbours along when it is posted to a worker. */
function ownCopy(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
