import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { LIMITS } from '../../schema/limits.ts'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../identity/device-certificate.ts'
import type { Random } from '../identity/key-wrapping.ts'
import { LONGEST_CHAIN, lastOfChain } from '../identity/member-document.ts'
import {
  decodeEpochs,
  encodeEpochs,
  isKey,
  type SharedSecrets,
  type UserKeys,
} from '../identity/user-keys.ts'
import { unwrap, wrapFor } from '../identity/x-wing.ts'

const PURPOSE = 'vivimd/pair-grant/1'

/** What makes a device one of the person's. */
export interface Grant extends SharedSecrets {
  /** From the certificate the root key signed to the new device's own. */
  readonly chain: readonly Uint8Array[]
  readonly displayName: string | null
  /** The member document of the device that lets it in: where the new one finds its first companion. */
  readonly document: Uint8Array
}

/** Whether this device can let another one in: chains of certificates have a longest length. */
export function mayEnroll({ chain }: UserKeys): boolean {
  return chain.length < LONGEST_CHAIN
}

/** Certifies the new device and wraps for it all that every device of the person has. */
export function makeGrant(
  keys: UserKeys,
  joiner: { readonly deviceDid: string; readonly receiveKey: Uint8Array },
  given: { readonly displayName: string | null; readonly document: Uint8Array; readonly now: number },
  random: Random,
): Uint8Array {
  const own = lastOfChain(keys.chain)
  const certificate = issueDeviceCertificate(keys.deviceKey, {
    did: keys.did,
    deviceDid: joiner.deviceDid,
    issuer: keys.deviceDid,
    capabilities: PAIRED_CAPABILITIES,
    // Two devices may enroll at once: nobody counts for both, the clock comes closest.
    sequence: Math.max(given.now, (own?.sequence ?? 0) + 1),
    issuedAt: given.now,
  })
  const fields: Cbor[] = [
    [...keys.chain, certificate],
    encodeEpochs(keys.epochs),
    keys.vaultKey,
    keys.spaceSecret,
    given.displayName,
    given.document,
  ]
  return wrapFor(joiner.receiveKey, PURPOSE, encodeCanonical(fields), random)
}

/** The grant, or undefined unless it is whole and its certificates lead from that DID to that device. */
export function openGrant(
  wrapped: Uint8Array,
  own: { readonly receiveSeed: Uint8Array; readonly did: string; readonly deviceDid: string },
): Grant | undefined {
  const plain = unwrap(own.receiveSeed, PURPOSE, wrapped)
  const fields = plain && tryDecodeArray(plain)
  if (fields?.length !== 6) return undefined
  const [chain, epochValues, vaultKey, spaceSecret, displayName, document] = fields
  const epochs = decodeEpochs(epochValues)
  if (!epochs || !isKey(vaultKey) || !isKey(spaceSecret) || !(document instanceof Uint8Array))
    return undefined
  if (!isDisplayName(displayName) || !isChain(chain)) return undefined
  const certificate = lastOfChain(chain)
  if (certificate?.did !== own.did || certificate.deviceDid !== own.deviceDid) return undefined
  return { chain, epochs, vaultKey, spaceSecret, displayName, document }
}

function isChain(value: Cbor | undefined): value is readonly Uint8Array[] {
  return Array.isArray(value) && value.every((item) => item instanceof Uint8Array)
}

function isDisplayName(value: Cbor | undefined): value is string | null {
  return value === null || (typeof value === 'string' && value.length <= LIMITS.nameCharacters)
}
