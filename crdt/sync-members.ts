import { LIMITS } from '../schema/limits.ts'
import type { KnownMembers } from './engine.ts'
import type { Frame } from './sync-frames.ts'
import { insist, type Session, SessionEnd, same, sayState, send, type Turn } from './sync-session-state.ts'

/** Room a frame of documents leaves for its heads. */
const FRAME_ROOM = LIMITS.syncFrameBytes - 1024

/** Both sides know of the same devices, or have told each other all they know. */
export function membersSettled({ saving, heard, members, membersHeard }: Session): boolean {
  if (saving > 0 || !heard) return false
  return same(heard.members, members.digest) || same(membersHeard, heard.members)
}

/**
 * Tells our documents once for each difference. The state goes first: the other side takes documents for those of
 * the members it last heard of.
 */
export function exchangeMembers(turn: Turn): void {
  const { session } = turn
  const { digest, documents } = session.members
  if (!same(session.told?.members, digest)) sayState(turn, false)
  if (same(session.heard?.members, digest) || same(session.membersTold, digest)) return
  const parts = partsOf(documents)
  for (const [index, part] of parts.entries())
    send(turn, { type: 'members', documents: part, more: index < parts.length - 1 })
  session.membersTold = digest
}

export function onMembersFrame({ session, effects }: Turn, frame: Extract<Frame, { type: 'members' }>): void {
  insist(session.saving < LIMITS.syncMembersWaiting)
  session.saving++
  effects.push({ type: 'save-members', documents: frame.documents })
  if (!frame.more) session.membersHeard = session.heard?.members
}

export function onMembers({ session }: Turn, members: KnownMembers, news: boolean): void {
  const removed = session.members.peerIsMember && !members.peerIsMember
  session.members = members
  if (!news) session.saving = Math.max(0, session.saving - 1)
  if (removed) throw new SessionEnd('not-a-device')
}

/** Documents that fit one frame each; at least one part, so that "none" is said too. */
function partsOf(documents: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [[]]
  let room = FRAME_ROOM
  for (const document of documents) {
    if (document.length === 0 || document.length > LIMITS.syncMemberDocumentBytes) continue
    if (document.length > room || parts.at(-1)!.length === LIMITS.syncMemberDocuments) {
      parts.push([])
      room = FRAME_ROOM
    }
    parts.at(-1)!.push(document)
    room -= document.length
  }
  return parts
}
