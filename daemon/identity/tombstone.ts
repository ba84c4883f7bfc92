import type { KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { decodeDid, encodeDid, isDid } from './did.ts'
import { publicKeyBytes, sign, verify } from './ed25519.ts'

const DOMAIN = 'vivimd/account-tombstone/1'

/** The root key says that this account has ended, for good. */
export interface Tombstone {
  readonly did: string
  /** Milliseconds UTC, for people. */
  readonly at: number
}

/** Canonical CBOR [statement, signature of the root key]. @throws VivimError `Unauthorized` for somebody else's root key */
export function issueTombstone(rootKey: KeyObject, { did, at }: Tombstone): Uint8Array {
  if (encodeDid(publicKeyBytes(rootKey)) !== did)
    throw new VivimError('Unauthorized', 'That is the recovery phrase of somebody else.')
  const statement = encodeCanonical([DOMAIN, did, at])
  return encodeCanonical([statement, sign(rootKey, statement)])
}

/** Undefined unless the root key of that DID signed it. */
export function readTombstone(bytes: Uint8Array): Tombstone | undefined {
  const outer = tryDecodeArray(bytes)
  const [statement, signature] = outer ?? []
  if (outer?.length !== 2 || !(statement instanceof Uint8Array && signature instanceof Uint8Array))
    return undefined
  const fields = tryDecodeArray(statement)
  const [domain, did, at] = fields ?? []
  if (fields?.length !== 3 || domain !== DOMAIN || typeof did !== 'string' || !isDid(did)) return undefined
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) return undefined
  return verify(decodeDid(did), statement, signature) ? { did, at } : undefined
}
