import { encodeCanonical } from './cbor.ts'
import { sha256 } from './hash.ts'

/** A position in a log: the operation of that sequence and everything before it. */
export interface LogPosition {
  /** The device's Ed25519 public key, 32 bytes. */
  readonly device: Uint8Array
  /** 8 bytes. */
  readonly incarnation: Uint8Array
  /** From 1; 0 stands for an empty log. */
  readonly sequence: number
}

/** The last operation of a log. */
export interface LogHead extends LogPosition {
  /** Hash of that operation. */
  readonly hash: Uint8Array
}

/** An operation's place, by hash: after a fork a sequence alone names several. */
export interface LogNode {
  readonly sequence: number
  readonly hash: Uint8Array
}

/** What a replica of a space holds: the heads of all its logs. */
export type Frontier = readonly LogHead[]

/**
 * SHA-256 over the CBOR array of every head's [device, incarnation, sequence, hash] in byte order; empty logs are left
 * out. Equal on two replicas that hold the same operations.
 */
export function frontierDigest(frontier: Frontier): Uint8Array {
  const heads = frontier
    .filter(({ sequence }) => sequence > 0)
    .map(({ device, incarnation, sequence, hash }) =>
      Buffer.from(encodeCanonical([device, incarnation, sequence, hash])),
    )
    .sort(Buffer.compare)
  return sha256(encodeCanonical(heads))
}

/** Names a log among the logs of one space: device and incarnation as hex. */
export function logName({ device, incarnation }: Pick<LogPosition, 'device' | 'incarnation'>): string {
  return `${Buffer.from(device).toString('hex')}:${Buffer.from(incarnation).toString('hex')}`
}
