import { encodeCanonical, tryDecodeArray } from './cbor.ts'
import { type LogHead, logName } from './frontier.ts'
import { hashOf } from './hash.ts'
import type { VerifyRoot } from './membership-entry.ts'
import { type EpochKey, openMessage, purposeKey, sealMessage } from './sealed-message.ts'
import { bytesOf, fieldsOf, integerOf, listOf } from './sync-fields.ts'

const DOMAIN = 'vivim/cut-offs/1'
const SALT_BYTES = 32

/** The last operation that counts of every log of a revoked device in one space. Of a log not named nothing counts. */
export interface CutOffs {
  /** 32 bytes. */
  readonly space: Uint8Array
  /** Ed25519 public key. */
  readonly device: Uint8Array
  readonly logs: readonly Omit<LogHead, 'device'>[]
}

export interface SignedCutOffs extends CutOffs {
  /** What the DID log commits to: SHA-256 of CBOR ['vivim/cut-offs-record/1', statement]. */
  readonly hash: Uint8Array
}

/**
 * Canonical CBOR [statement, signature of the root key]. The salt keeps the hash, which is public, from confirming a
 * guess of what it stands for. `logs` are put in order.
 */
export function signCutOffs(
  { space, device, logs }: CutOffs,
  salt: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const ordered = [...logs].sort((a, b) => Buffer.compare(a.incarnation, b.incarnation))
  const statement = encodeCanonical([
    DOMAIN,
    space,
    device,
    bytesOf(salt, SALT_BYTES),
    ordered.map(({ incarnation, sequence, hash }) => [incarnation, sequence, hash]),
  ])
  return encodeCanonical([statement, sign(statement)])
}

/** The record, or undefined for bytes that are none or that the root key did not sign. */
export function readCutOffs(bytes: Uint8Array, verify: VerifyRoot): SignedCutOffs | undefined {
  const outer = tryDecodeArray(bytes)
  if (outer?.length !== 2) return undefined
  const [statement, signature] = outer
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const fields = tryDecodeArray(statement)
  if (fields?.length !== 5 || fields[0] !== DOMAIN || !verify(statement, signature)) return undefined
  try {
    const [, space, device, salt, list] = fields
    bytesOf(salt, SALT_BYTES)
    const logs = listOf(list, 0, LOGS_MAX).map((item) => {
      const [incarnation, sequence, hash] = fieldsOf(item, 3)
      return {
        incarnation: bytesOf(incarnation, 8),
        sequence: integerOf(sequence, 1),
        hash: bytesOf(hash, 32),
      }
    })
    const key = bytesOf(device, 32)
    if (new Set(logs.map((log) => logName({ ...log, device: key }))).size !== logs.length) return undefined
    return {
      space: bytesOf(space, 32),
      device: key,
      logs,
      hash: hashOf(['vivim/cut-offs-record/1', statement]),
    }
  } catch {
    return undefined
  }
}

/** A device that was restored or forked very often; its record still fits a document. */
const LOGS_MAX = 256

const SEALED_AS = 'cut-offs'

/** As it travels and is kept: only who has the space's secret learns of which logs it speaks. */
export function sealCutOffs(spaceSecret: Uint8Array, record: Uint8Array): Uint8Array {
  return sealMessage(sealingKey(spaceSecret), SEALED_AS, record)
}

/** The record inside; undefined for anything else. */
export function openCutOffs(spaceSecret: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  return openMessage([sealingKey(spaceSecret)], SEALED_AS, sealed)
}

function sealingKey(spaceSecret: Uint8Array): EpochKey {
  return { epoch: 0, key: purposeKey({ epoch: 0, key: spaceSecret }, SEALED_AS) }
}
