import type { KeyObject } from 'node:crypto'
import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { type DeviceCertificate, readDeviceCertificate } from './device-certificate.ts'
import { decodeDid } from './did.ts'
import { isCount, readSignedParts, signedParts } from './signed-statement.ts'

const DOMAIN = 'vivimd/device-record/1'
/** Certificates from the root key to the device; more is refused. */
export const LONGEST_CHAIN = 16
/** Bytes of a document that are looked at. */
export const MEMBER_DOCUMENT_BYTES = 16 * 1024

/**
 * A device as it shows itself: the certificates that lead from the person's root key to it, and a record the device
 * signed. Whoever has the document checks it alone, with the DID.
 */
export interface MemberDocument {
  readonly did: string
  readonly deviceDid: string
  /** The device's Ed25519 public key. */
  readonly device: Uint8Array
  /** From the one the root key signed to the device's own. */
  readonly chain: readonly Uint8Array[]
  readonly certificate: DeviceCertificate
  /** Of two records the higher sequence counts; milliseconds UTC of when it was made. */
  readonly sequence: number
  /** X-Wing public key: what is meant for the device is wrapped to it. */
  readonly receiveKey: Uint8Array
  /** Where the device is reached, sealed for the devices of the same person; empty when it says nothing. */
  readonly rendezvous: Uint8Array
}

/** Canonical CBOR [[certificates], statement, signature of the device]. */
export function issueMemberDocument(
  deviceKey: KeyObject,
  record: Pick<MemberDocument, 'did' | 'deviceDid' | 'chain' | 'sequence' | 'receiveKey' | 'rendezvous'>,
): Uint8Array {
  const { did, deviceDid, chain, sequence, receiveKey, rendezvous } = record
  const fields = [did, deviceDid, sequence, receiveKey, rendezvous]
  return encodeCanonical([[...chain], ...signedParts(deviceKey, DOMAIN, fields)])
}

/**
 * The document, or undefined unless every certificate is signed by the root key or by a device before it that may
 * enroll, the last one is the device's, and the device signed the record. Expiry is the caller's to judge.
 */
export function readMemberDocument(bytes: Uint8Array): MemberDocument | undefined {
  if (bytes.length > MEMBER_DOCUMENT_BYTES) return undefined
  const [chain, ...parts] = tryDecodeArray(bytes) ?? []
  if (!Array.isArray(chain) || parts.length !== 2) return undefined
  const certificate = lastOfChain(chain)
  const statement = readSignedParts(parts, DOMAIN, 5)
  if (!certificate || !statement) return undefined
  const [did, deviceDid, sequence, receiveKey, rendezvous] = statement.fields
  if (did !== certificate.did || deviceDid !== certificate.deviceDid || !isCount(sequence)) return undefined
  if (!(receiveKey instanceof Uint8Array && rendezvous instanceof Uint8Array)) return undefined
  const device = decodeDid(certificate.deviceDid)
  if (!statement.isSignedBy(device)) return undefined
  const { did: owner, deviceDid: name } = certificate
  return {
    did: owner,
    deviceDid: name,
    device,
    chain: chain as Uint8Array[],
    certificate,
    sequence,
    receiveKey,
    rendezvous,
  }
}

/** The last certificate of a chain that begins with the root key and whose every issuer may enroll; else undefined. */
export function lastOfChain(chain: readonly Cbor[]): DeviceCertificate | undefined {
  if (chain.length === 0 || chain.length > LONGEST_CHAIN) return undefined
  let before: DeviceCertificate | undefined
  for (const item of chain) {
    const certificate = item instanceof Uint8Array ? readDeviceCertificate(item) : undefined
    if (!certificate || !mayFollow(certificate, before)) return undefined
    before = certificate
  }
  return before
}

function mayFollow(certificate: DeviceCertificate, before: DeviceCertificate | undefined): boolean {
  if (!before) return certificate.issuer === certificate.did
  return (
    certificate.did === before.did &&
    certificate.issuer === before.deviceDid &&
    before.capabilities.includes('enroll')
  )
}
