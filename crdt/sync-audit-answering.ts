import { LIMITS } from '../schema/limits.ts'
import { areDisjoint } from './range-fingerprints.ts'
import type { AuditEvent } from './sync-audit-events.ts'
import { type FrameOf, tupleDifference } from './sync-audit-frames.ts'
import { type Answering, mostWalked, NOT_ANSWERING } from './sync-audit-state.ts'
import { insist, type Session, same, send, type Turn } from './sync-session-state.ts'

export function onQuestion({ session, effects }: Turn, { tuple, digest, fresh }: FrameOf<'audit'>): void {
  const { answering, heard } = session.audit
  // Hours of two devices do not begin together: two of the other side's may fall into one of ours.
  insist(answering.busy === 'no' && heard < 2 * LIMITS.syncAuditQuestions)
  session.audit = { ...session.audit, heard: heard + 1 }
  put(session, { ...answering, busy: 'measuring', question: { tuple, digest } })
  effects.push({ type: 'audit-measure', role: 'answering', fresh, unless: tuple })
}

export function onMeasuredForPeer(
  turn: Turn,
  { tuple, digest }: Extract<AuditEvent, { type: 'audit-measured' }>,
): void {
  const { session, effects } = turn
  const { busy, question, unequal } = session.audit.answering
  if (busy !== 'measuring' || !question) return
  const differs = tupleDifference(question.tuple, tuple)
  send(turn, { type: 'audit-state', tuple, digest: differs ? undefined : digest })
  if (differs) effects.push({ type: 'audited', fresh: false, result: 'incomparable', differs })
  else if (same(digest, question.digest)) effects.push({ type: 'audited', fresh: false, result: 'same' })
  else {
    put(session, { ...NOT_ANSWERING, question, unequal: unequal + 1 })
    return
  }
  put(session, NOT_ANSWERING)
}

/** Ranges are for states that differed twice. */
export function onRanges({ session, effects }: Turn, { ranges, names }: FrameOf<'audit-ranges'>): void {
  const { answering } = session.audit
  const { busy, unequal, rounds, question } = answering
  insist(busy === 'no' && question !== undefined && unequal >= 2)
  insist(rounds < LIMITS.syncAuditRounds && areDisjoint(ranges))
  if (ranges.length === 0) {
    put(session, NOT_ANSWERING)
    effects.push({ type: 'audited', fresh: false, result: 'different', names })
    return
  }
  put(session, { ...answering, busy: 'splitting', rounds: rounds + 1 })
  effects.push({ type: 'audit-split', tuple: question.tuple, ranges })
}

export function onSplit(turn: Turn, split: Extract<AuditEvent, { type: 'audit-split' }>['split']): void {
  const { session } = turn
  const { answering } = session.audit
  if (answering.busy !== 'splitting') return
  const walked = answering.walked + (split?.walked ?? 0)
  insist(!split || walked <= mostWalked(split.rows))
  put(session, split ? { ...answering, busy: 'no', walked } : NOT_ANSWERING)
  send(turn, { type: 'audit-answers', answers: split?.answers ?? [] })
}

function put(session: Session, answering: Answering): void {
  session.audit = { ...session.audit, answering }
}
