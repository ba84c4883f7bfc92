import type { KeyObject } from 'node:crypto'
import { hex } from '../../crdt/membership.ts'
import { readMembershipEntry, resolutionMessage, signMembershipEntry } from '../../crdt/membership-entry.ts'
import { VivimError } from '../../schema/errors.ts'
import { encodeDid } from './did.ts'
import { publicKeyBytes, sign } from './ed25519.ts'
import { rootVerifier } from './member-reader.ts'
import { membershipLogIn } from './membership-log-in.ts'
import type { UserKeys } from './user-keys.ts'

/**
 * Says which of two versions of a DID log counts: an entry after the chosen one, signed by the root key and by this device.
 * @throws VivimError `Unauthorized` for the root key of somebody else, `Conflict` for a log that does not part there,
 * `NotFound` for a hash that no entry with this number has
 */
export function makeResolution({
  rootKey,
  keys: { did, deviceKey },
  documents,
  number,
  hash: prefix,
  now,
}: {
  readonly rootKey: KeyObject
  readonly keys: Pick<UserKeys, 'did' | 'deviceKey'>
  /** What this device knows of the person's devices. */
  readonly documents: readonly Uint8Array[]
  readonly number: number
  /** In hex; the beginning, where it is enough. */
  readonly hash: string
  readonly now: number
}): Uint8Array {
  if (encodeDid(publicKeyBytes(rootKey)) !== did)
    throw new VivimError('Unauthorized', 'That is the recovery phrase of somebody else.')
  const log = membershipLogIn(documents, did)
  if (log.forkedAt === undefined)
    throw new VivimError('Conflict', 'There is one version of the list of your devices: nothing to settle.')
  if (log.forkedAt !== number)
    throw new VivimError('Conflict', `The versions part at entry ${log.forkedAt}.`, { field: 'number' })
  const verifyRoot = rootVerifier(did)
  const entries = documents.flatMap((document) => readMembershipEntry(document, did, verifyRoot) ?? [])
  const named = entries.filter((entry) => entry.number === number && hex(entry.hash).startsWith(prefix))
  const [chosen] = named
  if (!chosen || named.length > 1 || !log.knows(chosen.hash))
    throw new VivimError('NotFound', `No one entry ${number} has that hash.`, {
      field: 'hash',
      hint: '`vivimd device log` shows them.',
    })
  const previous = log.headAfter(chosen.hash)
  const device = publicKeyBytes(deviceKey)
  const resolution = { did, previous, number, chosen: chosen.hash }
  const signature = sign(deviceKey, resolutionMessage(resolution))
  const change = { kind: 'resolve', device, number, chosen: chosen.hash, signature } as const
  const entry = { did, number: log.numberAt(previous) + 1, previous, at: now, change }
  return signMembershipEntry(entry, (message) => sign(rootKey, message))
}
