import type { KeyObject } from 'node:crypto'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { decodeDid, isDid } from './did.ts'
import { sign, verify } from './ed25519.ts'

const DOMAIN = 'vivimd/device/1'
const YEAR_MS = 365 * 24 * 60 * 60 * 1000

/** `sign` operations, `decrypt` what is wrapped for it, `control`: may hold the root seed. */
const CAPABILITIES = ['sign', 'decrypt', 'control'] as const
export type Capability = (typeof CAPABILITIES)[number]

/** What a root key says about one of its devices. */
export interface DeviceCertificate {
  readonly did: string
  readonly deviceDid: string
  readonly capabilities: readonly Capability[]
  /** Counts up over the certificates of one DID. */
  readonly sequence: number
  /** Milliseconds UTC. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/** Canonical CBOR [statement, signature], the statement being the array that begins with the domain string. */
export function issueDeviceCertificate(
  rootKey: KeyObject,
  device: Omit<DeviceCertificate, 'expiresAt'>,
): Uint8Array {
  const { did, deviceDid, capabilities, sequence, issuedAt } = device
  const statement = encodeCanonical([
    DOMAIN,
    did,
    deviceDid,
    [...capabilities],
    sequence,
    issuedAt,
    issuedAt + YEAR_MS,
  ])
  return encodeCanonical([statement, sign(rootKey, statement)])
}

/**
 * The certificate, or undefined for bytes its DID did not sign. Expiry is the caller's to judge: an expired one still
 * tells whose device it is.
 */
export function readDeviceCertificate(bytes: Uint8Array): DeviceCertificate | undefined {
  const outer = tryDecode(bytes)
  if (outer?.length !== 2) return undefined
  const [statement, signature] = outer
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const fields = tryDecode(statement)
  if (fields?.length !== 7 || fields[0] !== DOMAIN) return undefined
  const [, did, deviceDid, capabilities, sequence, issuedAt, expiresAt] = fields
  if (typeof did !== 'string' || typeof deviceDid !== 'string' || !isDid(did) || !isDid(deviceDid))
    return undefined
  if (!isCapabilities(capabilities) || !isCount(sequence) || !isCount(issuedAt) || !isCount(expiresAt))
    return undefined
  if (!verify(decodeDid(did), statement, signature)) return undefined
  return { did, deviceDid, capabilities, sequence, issuedAt, expiresAt }
}

function tryDecode(bytes: Uint8Array): readonly Cbor[] | undefined {
  try {
    const value = decodeCanonical(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isCapabilities(value: Cbor | undefined): value is Capability[] {
  return Array.isArray(value) && value.every((item) => CAPABILITIES.includes(item as Capability))
}

function isCount(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
