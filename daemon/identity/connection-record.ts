import type { KeyObject } from 'node:crypto'
import { type Cbor, tryDecodeArray } from '../../crdt/cbor.ts'
import { LIMITS } from '../../schema/limits.ts'
import { isDid } from './did.ts'
import type { MemberDocument } from './member-document.ts'
import { isCount } from './signed-statement.ts'
import { issueVouchedStatement, readVouchedStatement } from './vouched-statement.ts'

const DOMAIN = 'vivimd/peer-connection/1'

/** One person's half of a connection to another one: who writes to whom is open, what it says is sealed. */
export interface ConnectionRecord {
  readonly from: string
  readonly to: string
  /** Of two from one person to the other the higher counts; milliseconds UTC of when it was made. */
  readonly sequence: number
  /** For the recipient's devices alone, of one length whatever it says. */
  readonly sealed: Uint8Array
  /** The key of what is sealed, once for each device. */
  readonly wraps: readonly Uint8Array[]
  /** The device that signed it. */
  readonly document: MemberDocument
  readonly documentBytes: Uint8Array
}

/** @param document the signing device's */
export function issueConnectionRecord(
  deviceKey: KeyObject,
  document: Uint8Array,
  { from, to, sequence, sealed, wraps }: Omit<ConnectionRecord, 'document' | 'documentBytes'>,
): Uint8Array {
  return issueVouchedStatement(deviceKey, document, DOMAIN, [from, to, sequence, sealed, [...wraps]])
}

/** Undefined unless a device of who it is from signed it. */
export function readConnectionRecord(bytes: Uint8Array): ConnectionRecord | undefined {
  const statement = readVouchedStatement(bytes, DOMAIN, 4)
  const document = statement?.member
  if (!document?.certificate.capabilities.includes('sign')) return undefined
  const [to, sequence, sealed, wraps] = statement!.fields
  if (typeof to !== 'string' || !isDid(to) || to === document.did || !isCount(sequence)) return undefined
  if (!(sealed instanceof Uint8Array) || !areWraps(wraps)) return undefined
  const documentBytes = tryDecodeArray(bytes)![0] as Uint8Array
  return { from: document.did, to, sequence, sealed, wraps, document, documentBytes }
}

function areWraps(value: Cbor | undefined): value is readonly Uint8Array[] {
  return (
    Array.isArray(value) &&
    value.length <= LIMITS.connectionDevices &&
    value.every((each) => each instanceof Uint8Array)
  )
}
