import { LIMITS } from '../schema/limits.ts'
import { EVERYTHING, isAnswerTo } from './range-fingerprints.ts'
import type { AuditEvent, AuditResult } from './sync-audit-events.ts'
import { type FrameOf, tupleDifference } from './sync-audit-frames.ts'
import { type Asking, mostWalked, type Search } from './sync-audit-state.ts'
import { insist, type Session, same, send, type Turn } from './sync-session-state.ts'

export function beginAudit(turn: Turn, fresh: boolean): void {
  measure(turn, fresh, 1)
}

/** This side's state is known: the other is asked for its own. */
export function onMeasured(
  turn: Turn,
  { tuple, digest }: Extract<AuditEvent, { type: 'audit-measured' }>,
): void {
  const { session } = turn
  const { asking, asked } = session.audit
  if (asking?.stage !== 'measuring') return
  if (digest) {
    const { fresh, sight } = asking
    put(session, { stage: 'asked', said: { tuple, digest }, sight })
    session.audit = { ...session.audit, asked: asked + 1 }
    send(turn, { type: 'audit', tuple, digest, fresh })
  } else changedMeanwhile(turn)
}

export function onState(turn: Turn, { tuple, digest }: FrameOf<'audit-state'>): void {
  const { asking } = turn.session.audit
  insist(asking?.stage === 'asked')
  const { said, sight } = asking
  const differs = tupleDifference(said.tuple, tuple)
  if (differs) {
    tell(turn, { result: 'incomparable', differs })
    return
  }
  insist(digest !== undefined)
  if (same(digest, said.digest)) tell(turn, { result: 'same' })
  // Seen once it may be chance. The second time both read all rows again.
  else if (sight === 1) measure(turn, true, 2)
  else search(turn, { tuple, pending: [EVERYTHING], names: [], rounds: 0, walked: 0 })
}

export function onAnswers(turn: Turn, { answers }: FrameOf<'audit-answers'>): void {
  const { session, effects } = turn
  const { asking } = session.audit
  insist(asking?.stage === 'searching')
  if (answers.length === 0) {
    changedMeanwhile(turn)
    return
  }
  const { asked, pending, tuple } = asking
  insist(answers.length <= asked.length && answers.every((each, index) => isAnswerTo(asked[index]!, each)))
  const answered = asked.slice(0, answers.length)
  const unanswered = asked.slice(answers.length)
  put(session, { ...asking, stage: 'comparing', asked: answered, pending: [...unanswered, ...pending] })
  effects.push({ type: 'audit-compare', tuple, ranges: answered, answers })
}

export function onCompared(
  turn: Turn,
  compared: Extract<AuditEvent, { type: 'audit-compared' }>['compared'],
): void {
  const { asking } = turn.session.audit
  if (asking?.stage !== 'comparing') return
  if (!compared) {
    changedMeanwhile(turn)
    return
  }
  const walked = asking.walked + compared.walked
  insist(walked <= mostWalked(compared.rows))
  const { tuple, rounds } = asking
  // The parts come first: what differs is found before the search has become broad.
  const pending = [...compared.ranges, ...asking.pending]
  search(turn, { tuple, pending, names: [...asking.names, ...compared.names], rounds, walked })
}

/** The audit is over. */
export function tell(turn: Turn, result: AuditResult): void {
  const { session, effects } = turn
  put(session, undefined)
  effects.push({ type: 'audited', fresh: session.audit.fresh, ...result })
}

/** Asks about the next ranges; ends when there are none, or enough is found for once. */
function search(turn: Turn, found: Search): void {
  const { pending, names, rounds } = found
  if (pending.length === 0 || names.length >= LIMITS.syncAuditRows) {
    const first = names.slice(0, LIMITS.syncAuditRows)
    send(turn, { type: 'audit-ranges', ranges: [], names: first })
    tell(turn, { result: 'different', names: first })
    return
  }
  insist(rounds < LIMITS.syncAuditRounds)
  const asked = pending.slice(0, LIMITS.syncAuditRanges)
  const rest = pending.slice(asked.length)
  put(turn.session, { ...found, stage: 'searching', asked, pending: rest, rounds: rounds + 1 })
  send(turn, { type: 'audit-ranges', ranges: asked, names: [] })
}

function measure({ session, effects }: Turn, fresh: boolean, sight: 1 | 2): void {
  put(session, { stage: 'measuring', fresh, sight })
  effects.push({ type: 'audit-measure', role: 'asking', fresh, unless: undefined })
}

function changedMeanwhile(turn: Turn): void {
  tell(turn, { result: 'incomparable', differs: 'frontier' })
}

function put(session: Session, asking: Asking | undefined): void {
  session.audit = { ...session.audit, asking }
}
