import type { KeyObject } from 'node:crypto'
import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { sign, verify } from './ed25519.ts'

/** What was said under a domain string, and who said it is for the reader to ask: the key often stands in the fields. */
export interface SignedStatement {
  /** Without the domain string. */
  readonly fields: readonly Cbor[]
  isSignedBy(publicKey: Uint8Array): boolean
}

/** Canonical CBOR [statement, signature]; the statement is an array that begins with its domain string. */
export function issueStatement(key: KeyObject, domain: string, fields: readonly Cbor[]): Uint8Array {
  return encodeCanonical(signedParts(key, domain, fields))
}

/** Undefined unless it is a statement of this domain with as many fields. Nobody's signature is checked yet. */
export function readStatement(
  bytes: Uint8Array,
  domain: string,
  length: number,
): SignedStatement | undefined {
  const parts = tryDecodeArray(bytes)
  return parts?.length === 2 ? readSignedParts(parts, domain, length) : undefined
}

/** The statement and its signature, for what carries something beside them. */
export function signedParts(
  key: KeyObject,
  domain: string,
  fields: readonly Cbor[],
): [statement: Uint8Array, signature: Uint8Array] {
  const statement = encodeCanonical([domain, ...fields])
  return [statement, sign(key, statement)]
}

/** As `readStatement`, of parts that were taken out of something. */
export function readSignedParts(
  [statement, signature]: readonly (Cbor | undefined)[],
  domain: string,
  length: number,
): SignedStatement | undefined {
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const [said, ...fields] = tryDecodeArray(statement) ?? []
  if (said !== domain || fields.length !== length) return undefined
  return { fields, isSignedBy: (publicKey) => verify(publicKey, statement, signature) }
}

/** A number, a time or a sequence. */
export function isCount(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
