import type { KeyObject } from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'
import { decodeDid, encodeDid, isDid } from './did.ts'
import { publicKeyBytes } from './ed25519.ts'
import { isCount, issueStatement, readStatement } from './signed-statement.ts'

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
  return issueStatement(rootKey, DOMAIN, [did, at])
}

/** Undefined unless the root key of that DID signed it. */
export function readTombstone(bytes: Uint8Array): Tombstone | undefined {
  const statement = readStatement(bytes, DOMAIN, 2)
  const [did, at] = statement?.fields ?? []
  if (typeof did !== 'string' || !isDid(did) || !isCount(at)) return undefined
  return statement?.isSignedBy(decodeDid(did)) ? { did, at } : undefined
}
