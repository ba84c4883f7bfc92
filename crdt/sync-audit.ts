import { LIMITS } from '../schema/limits.ts'
import { onMeasuredForPeer, onQuestion, onRanges, onSplit } from './sync-audit-answering.ts'
import { beginAudit, onAnswers, onCompared, onMeasured, onState, tell } from './sync-audit-asking.ts'
import type { AuditEvent } from './sync-audit-events.ts'
import type { AuditFrame } from './sync-audit-frames.ts'
import type { Turn } from './sync-session-state.ts'

/** Somebody wants to know whether both show the same. Begins when both hold the same. */
export function wantAudit({ session }: Turn, fresh: boolean): void {
  const { audit } = session
  session.audit = { ...audit, wanted: { fresh: fresh || (audit.wanted?.fresh ?? false) } }
}

/** An hour passed: questions are counted anew. */
export function forgetQuestions({ session }: Turn): void {
  session.audit = { ...session.audit, asked: 0, heard: 0 }
}

export function advanceAudit(turn: Turn): void {
  const { session } = turn
  const { wanted, asking, asked } = session.audit
  if (!wanted || asking || session.phase !== 'in-sync') return
  session.audit = { ...session.audit, wanted: undefined, fresh: wanted.fresh }
  // A second look may follow the first; and what nobody waits for leaves something to those who do.
  const most = wanted.fresh ? LIMITS.syncAuditQuestions : LIMITS.syncAuditQuestions / 2
  if (asked + 2 > most) tell(turn, { result: 'put-off' })
  else beginAudit(turn, wanted.fresh)
}

export function onAuditFrame(turn: Turn, frame: AuditFrame): void {
  switch (frame.type) {
    case 'audit':
      onQuestion(turn, frame)
      break
    case 'audit-state':
      onState(turn, frame)
      break
    case 'audit-ranges':
      onRanges(turn, frame)
      break
    case 'audit-answers':
      onAnswers(turn, frame)
      break
  }
}

export function onAuditEvent(turn: Turn, event: AuditEvent): void {
  switch (event.type) {
    case 'audit-measured':
      if (event.role === 'asking') onMeasured(turn, event)
      else onMeasuredForPeer(turn, event)
      break
    case 'audit-split':
      onSplit(turn, event.split)
      break
    case 'audit-compared':
      onCompared(turn, event.compared)
      break
  }
}
