import type { CutOffs } from './cut-offs.ts'
import type { LogPosition } from './frontier.ts'
import { GENESIS_HASH } from './log.ts'
import { hex, type MembershipLog } from './membership.ts'

/** What is known of membership in one space. */
export interface Membership {
  readonly log: MembershipLog
  /** Cut-offs in this space by their hash in hex. A hash of another space's cut-offs is not among them. */
  readonly cutOffs: ReadonlyMap<string, CutOffs>
  /** Who certified the device, from the first after the root key to the last; undefined: it is not certified. */
  readonly issuersOf: (device: Uint8Array) => readonly Uint8Array[] | undefined
}

/** A segment as far as authority goes. */
export interface JudgedSegment extends Omit<LogPosition, 'sequence'> {
  /** The heads that it and the segments before it in its log name, in the order in which each is named first. */
  readonly heads: () => readonly Uint8Array[]
  /** Hash of an operation of this log that is held, on the branch of this segment. */
  readonly hashAt: (sequence: number) => Uint8Array | undefined
}

/** Operations up to this sequence count and those beyond it are void; `held`: what decides has not arrived. */
export type Verdict = { readonly held: true } | { readonly held: false; readonly upTo: number }

const VOID: Verdict = { held: false, upTo: 0 }
const COUNTS: Verdict = { held: false, upTo: Infinity }

/** Why a device is none of the person's. */
export type Exclusion = 'revoked' | 'issuer-revoked' | 'unknown'

/**
 * A certified device is one of the person's unless the DID log revokes it. One whose chain of certificates passes
 * through a revoked device is one only if the log itself admits it: a stolen device could go on certifying others.
 */
export function exclusionOf({ log, issuersOf }: Membership, device: Uint8Array): Exclusion | undefined {
  const { revoked, admitted } = log.whole
  const name = hex(device)
  if (revoked.has(name)) return 'revoked'
  if (admitted.has(name)) return undefined
  const issuers = issuersOf(device)
  if (!issuers) return 'unknown'
  return issuers.some((issuer) => revoked.has(hex(issuer))) ? 'issuer-revoked' : undefined
}

/**
 * Whether the operations of a segment count: a pure function of its log and the *set* of entries and cut-offs, so two
 * devices that know the same agree. No time enters it.
 *
 * An author may sign the same operations again under another head, and each device may hold another one of these
 * signatures. So a head voids nothing and lets nothing wait: one that is not known, or that does not descend from the
 * one before, is passed over, and the operations stand under the one before. What was revoked is decided by all that is
 * known, whatever head is named; only from where on a device was made a reader is told by the heads.
 */
export function judgeSegment(membership: Membership, segment: JudgedSegment): Verdict {
  const name = hex(segment.device)
  const { log } = membership
  if (log.whole.readers.has(name) && log.foldAt(lastHead(log, segment.heads())).roles.get(name) === 'reader')
    return VOID
  const exclusion = exclusionOf(membership, segment.device)
  if (exclusion === undefined) return COUNTS
  return exclusion === 'revoked' ? withinCutOffs(membership, segment) : VOID
}

/** The last of some heads that is known and descends from the one before; zeros if none does. */
function lastHead(log: MembershipLog, heads: readonly Uint8Array[]): Uint8Array {
  return heads.reduce((last, head) => (log.descends(head, last) ? head : last), GENESIS_HASH)
}

/** Within the cut-offs of every revocation; of a log they do not name, or on another branch, nothing counts. */
function withinCutOffs(
  { log, cutOffs }: Membership,
  { device, incarnation, hashAt }: JudgedSegment,
): Verdict {
  let upTo = Infinity
  for (const hashes of log.whole.revoked.get(hex(device)) ?? []) {
    if (hashes.length === 0) return VOID
    const records = hashes.flatMap((hash) => cutOffs.get(hash) ?? [])
    if (records.length === 0) return { held: true }
    for (const { logs } of records) {
      const cutOff = logs.find((each) => Buffer.compare(each.incarnation, incarnation) === 0)
      const present = cutOff && hashAt(cutOff.sequence)
      const otherBranch = present && Buffer.compare(present, cutOff.hash) !== 0
      upTo = Math.min(upTo, cutOff && !otherBranch ? cutOff.sequence : 0)
    }
  }
  return { held: false, upTo }
}
