import type { KeyObject } from 'node:crypto'
import type { Cbor } from '../../crdt/cbor.ts'
import { decodeDid, isDid } from './did.ts'
import { isCount, issueStatement, readStatement } from './signed-statement.ts'

const DOMAIN = 'vivimd/device/1'
const YEAR_MS = 365 * 24 * 60 * 60 * 1000

/**
 * `sign` operations, `decrypt` what is wrapped for it, `enroll`: may certify further devices of the same person,
 * `control`: may hold the root seed.
 */
const CAPABILITIES = ['sign', 'decrypt', 'enroll', 'control'] as const
export type Capability = (typeof CAPABILITIES)[number]
/**
 * What every device of a person may do. Each holds all keys of the private space already, so being able to enroll the
 * next device adds nothing an intruder would not have.
 */
export const PAIRED_CAPABILITIES: readonly Capability[] = ['sign', 'decrypt', 'enroll']

/** What a person's root key, or a device of theirs that may enroll others, says about one of their devices. */
export interface DeviceCertificate {
  readonly did: string
  readonly deviceDid: string
  /** Who signed: the person's DID for the root key, else the DID of the device that enrolled this one. */
  readonly issuer: string
  readonly capabilities: readonly Capability[]
  /** Counts up over the certificates of one DID. */
  readonly sequence: number
  /** Milliseconds UTC. */
  readonly issuedAt: number
  readonly expiresAt: number
}

export function issueDeviceCertificate(
  issuerKey: KeyObject,
  device: Omit<DeviceCertificate, 'expiresAt'>,
): Uint8Array {
  const { did, deviceDid, issuer, capabilities, sequence, issuedAt } = device
  const expiresAt = issuedAt + YEAR_MS
  const fields = [did, deviceDid, issuer, [...capabilities], sequence, issuedAt, expiresAt]
  return issueStatement(issuerKey, DOMAIN, fields)
}

/**
 * The certificate, or undefined for bytes its issuer did not sign. Whether the issuer may certify is for
 * `readMemberDocument` to say, and expiry for the caller: an expired one still tells whose device it is.
 */
export function readDeviceCertificate(bytes: Uint8Array): DeviceCertificate | undefined {
  const statement = readStatement(bytes, DOMAIN, 7)
  const [did, deviceDid, issuer, capabilities, sequence, issuedAt, expiresAt] = statement?.fields ?? []
  if (!isDidText(did) || !isDidText(deviceDid) || !isDidText(issuer)) return undefined
  if (!isCapabilities(capabilities) || !isCount(sequence) || !isCount(issuedAt) || !isCount(expiresAt))
    return undefined
  if (!statement?.isSignedBy(decodeDid(issuer))) return undefined
  return { did, deviceDid, issuer, capabilities, sequence, issuedAt, expiresAt }
}

/** Keys of the devices that signed certificates of a chain; the root key is not among them. */
export function issuersIn(chain: readonly Uint8Array[]): Uint8Array[] {
  return chain.flatMap((bytes) => {
    const certificate = readDeviceCertificate(bytes)
    return certificate && certificate.issuer !== certificate.did ? [decodeDid(certificate.issuer)] : []
  })
}

function isDidText(value: Cbor | undefined): value is string {
  return typeof value === 'string' && isDid(value)
}

function isCapabilities(value: Cbor | undefined): value is Capability[] {
  return Array.isArray(value) && value.every((item) => CAPABILITIES.includes(item as Capability))
}
