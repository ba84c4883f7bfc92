import type { KeyObject } from 'node:crypto'
import { isCount, issueStatement, readStatement } from '../../identity/signed-statement.ts'

const DOMAIN = 'vivim/registry-head/1'
/** Records in one log; proofs and numbers stay small. */
const LARGEST = 2 ** 40

/** What a master says its log of records is, at a time. */
export interface RegistryHead {
  /** Counts up each time the operator begins the log anew; from 1. */
  readonly generation: number
  /** Records in it. */
  readonly size: number
  /** Of the Merkle tree over them, 32 bytes. */
  readonly root: Uint8Array
  /** Milliseconds UTC, by the master's clock. */
  readonly time: number
}

/** A head and the bytes that prove who said it. */
export interface SignedHead extends RegistryHead {
  /** Canonical CBOR [statement, signature]. */
  readonly bytes: Uint8Array
}

export function signHead(instanceKey: KeyObject, head: RegistryHead): Uint8Array {
  const { generation, size, root, time } = head
  return issueStatement(instanceKey, DOMAIN, [generation, size, root, time])
}

/** Undefined unless the instance with that public key signed it. */
export function readHead(bytes: Uint8Array, instance: Uint8Array): SignedHead | undefined {
  const statement = readStatement(bytes, DOMAIN, 4)
  const [generation, size, root, time] = statement?.fields ?? []
  if (!isCount(generation) || generation < 1 || !isCount(size) || size > LARGEST || !isCount(time))
    return undefined
  if (!(root instanceof Uint8Array) || root.length !== 32) return undefined
  return statement?.isSignedBy(instance) ? { generation, size, root, time, bytes } : undefined
}
