import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { VivimError } from '../../schema/errors.ts'
import { isDid } from './did.ts'
import { PassphraseContainer } from './key-wrapping.ts'

const FORMAT = 'vivimd/keystore/1'
const Did = z.string().refine(isDid)

/** The master key, wrapped: under a passphrase, or under the key file beside this one. */
const MasterKey = z.discriminatedUnion('kdf', [
  PassphraseContainer,
  z.strictObject({ kdf: z.literal('file'), sealed: z.base64() }),
])

/** A user's keystore. What is not sealed is no secret; binary values are base64. */
export const KeystoreRecord = z.strictObject({
  format: z.literal(FORMAT),
  /** `creating` until the database stands; only `ready` is a user. */
  state: z.enum(['creating', 'ready']),
  did: Did,
  displayName: z.string().nullable(),
  deviceDid: Did,
  createdAt: z.int(),
  /** From the one the root key signed to this device's own. */
  certificates: z.array(z.base64()).min(1),
  /** Epoch keys that came with renewed certificates, wrapped for this device. */
  epochs: z.base64().optional(),
  masterKey: MasterKey,
  /** What `encodeSecrets` makes, under the master key. */
  secrets: z.base64(),
  /** The root seed under the same passphrase, in a container of its own; null: not on this device. */
  root: PassphraseContainer.nullable(),
})
export type KeystoreRecord = z.infer<typeof KeystoreRecord>

/** What a keystore becomes when its user is deleted: no key and no name is left while the database goes. */
const DeletingRecord = z.strictObject({ format: z.literal(FORMAT), state: z.literal('deleting') })
export type DeletingRecord = z.infer<typeof DeletingRecord>

const AnyRecord = z.discriminatedUnion('state', [KeystoreRecord, DeletingRecord])

export const DELETING: DeletingRecord = { format: FORMAT, state: 'deleting' }

export function newRecord(fields: Omit<KeystoreRecord, 'format' | 'state'>): KeystoreRecord {
  return { format: FORMAT, state: 'creating', ...fields }
}

export function encodeRecord(record: KeystoreRecord | DeletingRecord): Uint8Array {
  return Buffer.from(`${JSON.stringify(record, null, 2)}\n`)
}

/**
 * The file's record, or undefined when there is no file.
 * @throws VivimError `Corrupt` for anything else, parameters out of range included
 */
export function readRecord(path: string): KeystoreRecord | DeletingRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const parsed = AnyRecord.safeParse(tryJson(text))
  if (!parsed.success) throw new VivimError('Corrupt', 'A keystore file failed its check.')
  return parsed.data
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
