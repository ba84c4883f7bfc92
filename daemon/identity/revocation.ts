import type { KeyObject } from 'node:crypto'
import { readCutOffs, sealCutOffs, signCutOffs } from '../../crdt/cut-offs.ts'
import { signEpochWrap } from '../../crdt/epoch-wrap.ts'
import type { Frontier } from '../../crdt/frontier.ts'
import { hex, type MembershipLog } from '../../crdt/membership.ts'
import {
  type MembershipChange,
  readMembershipEntry,
  type SignedEntry,
  signMembershipEntry,
} from '../../crdt/membership-entry.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { VivimError } from '../../schema/errors.ts'
import { certifiedUntil } from './certificate-life.ts'
import { issuersIn } from './device-certificate.ts'
import { encodeDid } from './did.ts'
import { publicKeyBytes, sign } from './ed25519.ts'
import type { Random } from './key-wrapping.ts'
import { type MemberDocument, readMemberDocument } from './member-document.ts'
import { rootVerifier } from './member-reader.ts'
import { membershipLogIn } from './membership-log-in.ts'
import type { UserKeys } from './user-keys.ts'
import { wrapFor } from './x-wing.ts'

/** What a wrapped epoch key is for. */
export const EPOCH_PURPOSE = 'vivimd/epoch/1'

export interface Revocation {
  /** To be kept and handed to every device: entries of the DID log, sealed cut-offs, wrapped keys. */
  readonly documents: readonly Uint8Array[]
  /** The new epoch. */
  readonly epoch: number
  /** Devices that the revoked one had certified and that stay. */
  readonly admitted: readonly string[]
  /** Devices that have the new epoch's key. */
  readonly wrappedFor: readonly string[]
}

/**
 * Takes a device out: the root key signs its revocation, with the last of its operations that this device holds as its
 * cut-offs; admits by name those devices that it had certified; and gives all others that are certified now
 * a new epoch key.
 * @throws VivimError `NotFound` for a device that is not theirs, `Conflict` for one that was taken out already
 */
export function makeRevocation({
  rootKey,
  keys,
  deviceDid,
  documents,
  excluded,
  frontier,
  now,
  random,
}: {
  readonly rootKey: KeyObject
  readonly keys: Pick<UserKeys, 'did' | 'epochs' | 'spaceSecret'>
  readonly deviceDid: string
  /** What this device knows of the person's devices. */
  readonly documents: readonly Uint8Array[]
  readonly excluded: readonly string[]
  readonly frontier: Frontier
  readonly now: number
  readonly random: Random
}): Revocation {
  const { did, epochs, spaceSecret } = keys
  if (encodeDid(publicKeyBytes(rootKey)) !== did)
    throw new VivimError('Unauthorized', 'That is the recovery phrase of somebody else.')
  const signRoot = (message: Uint8Array) => sign(rootKey, message)
  const devices = documents.flatMap((document) => readMemberDocument(document) ?? [])
  const lost = devices.find((device) => device.deviceDid === deviceDid)
  if (!lost) throw new VivimError('NotFound', 'There is no such device.', { field: 'device' })
  if (excluded.includes(deviceDid))
    throw new VivimError('Conflict', 'That device was taken out already.', { field: 'device' })
  const remaining = devices.filter((device) => device !== lost && !excluded.includes(device.deviceDid))

  const space = privateSpaceId(did)
  const logs = frontier.filter(({ device }) => Buffer.compare(device, lost.device) === 0)
  const record = signCutOffs({ space, device: lost.device, logs }, random(32), signRoot)
  const cutOffs = readCutOffs(record, rootVerifier(did))
  if (!cutOffs) throw new VivimError('TooLarge', 'That device has too many logs.')

  const log = membershipLogIn(documents, did)
  const admitted = remaining.filter((device) => needsAdmission(device, lost.device, log))
  const changes: MembershipChange[] = [
    ...admitted.map(({ device, certificate }): MembershipChange => {
      return { kind: 'admit', device, role: 'writer', capabilities: certificate.capabilities }
    }),
    { kind: 'revoke', device: lost.device, cutOffs: [cutOffs.hash] },
  ]
  const entries = appended(log, did, changes, now, signRoot)
  const epoch = Math.max(now, (epochs.at(-1)?.epoch ?? 0) + 1)
  const key = random(32)
  // Whose certificate ended gets it with the next one.
  const certified = remaining.filter(({ chain }) => certifiedUntil(chain) > now)
  const wraps = certified.map(({ device, receiveKey }) =>
    signEpochWrap(
      { space, epoch, device, wrapped: wrapFor(receiveKey, EPOCH_PURPOSE, key, random) },
      signRoot,
    ),
  )
  return {
    documents: [...entries.map(({ bytes }) => bytes), sealCutOffs(spaceSecret, record), ...wraps],
    epoch,
    admitted: admitted.map((device) => device.deviceDid),
    wrappedFor: certified.map((device) => device.deviceDid),
  }
}

/** One that stays, that the revoked device let in, and that the log does not name yet. */
function needsAdmission({ device, chain }: MemberDocument, lost: Uint8Array, log: MembershipLog): boolean {
  if (log.whole.admitted.has(hex(device))) return false
  return issuersIn(chain).some((issuer) => Buffer.compare(issuer, lost) === 0)
}

function appended(
  log: MembershipLog,
  did: string,
  changes: readonly MembershipChange[],
  at: number,
  signRoot: (message: Uint8Array) => Uint8Array,
): SignedEntry[] {
  const verifyRoot = rootVerifier(did)
  const entries: SignedEntry[] = []
  for (const change of changes) {
    const before = entries.at(-1)
    const previous = before?.hash ?? log.head
    const number = (before?.number ?? log.numberAt(log.head)) + 1
    const bytes = signMembershipEntry({ did, number, previous, at, change }, signRoot)
    entries.push(readMembershipEntry(bytes, did, verifyRoot)!)
  }
  return entries
}
