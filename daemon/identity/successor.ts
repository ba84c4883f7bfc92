import type { KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { decodeDid, encodeDid, isDid } from './did.ts'
import { publicKeyBytes, sign } from './ed25519.ts'
import { isCount, readSignedParts, signedParts } from './signed-statement.ts'

const DOMAIN = 'vivimd/successor/1'

/** Two root keys say that one person goes from the first to the second, for good. */
export interface Succession {
  readonly predecessor: string
  readonly successor: string
  /** Milliseconds UTC, for people. */
  readonly at: number
}

/**
 * Canonical CBOR [statement, signature of the old root key, signature of the new one]. Without the second somebody
 * could name a stranger as their successor.
 * @throws VivimError `InvalidParams` for one and the same key
 */
export function issueSuccession(oldRoot: KeyObject, newRoot: KeyObject, at: number): Uint8Array {
  const predecessor = encodeDid(publicKeyBytes(oldRoot))
  const successor = encodeDid(publicKeyBytes(newRoot))
  if (predecessor === successor)
    throw new VivimError('InvalidParams', 'A root key cannot be its own successor.', { field: 'successor' })
  const [statement, byOld] = signedParts(oldRoot, DOMAIN, [predecessor, successor, at])
  return encodeCanonical([statement, byOld, sign(newRoot, statement)])
}

/** Undefined unless the root keys of both DIDs signed it. */
export function readSuccession(bytes: Uint8Array): Succession | undefined {
  const parts = tryDecodeArray(bytes)
  if (parts?.length !== 3) return undefined
  const [statement, byOld, byNew] = parts
  const old = readSignedParts([statement, byOld], DOMAIN, 3)
  const next = readSignedParts([statement, byNew], DOMAIN, 3)
  const [predecessor, successor, at] = old?.fields ?? []
  if (typeof predecessor !== 'string' || typeof successor !== 'string' || predecessor === successor)
    return undefined
  if (!isDid(predecessor) || !isDid(successor) || !isCount(at)) return undefined
  const holds = old?.isSignedBy(decodeDid(predecessor)) && next?.isSignedBy(decodeDid(successor))
  return holds ? { predecessor, successor, at } : undefined
}
