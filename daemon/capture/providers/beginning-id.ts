import { hashOf } from '../../../crdt/hash.ts'
import type { CaptureMessage } from '../../../schema/capture.ts'
import { detectSecrets } from '../../knowledge/security/secrets.ts'

/** Many begin with the same instruction or the same greeting; few get the same answer to it. */
const MAX_MESSAGES = 6

/**
 * A name for a conversation whose provider gives it none: what is said up to the first answer. It stays while the
 * conversation goes on. Secrets are left out: a hash over one would confirm a guess.
 */
export function beginningId(messages: readonly CaptureMessage[]): string {
  const answer = messages.findIndex(({ role }) => role === 'assistant')
  const beginning = messages.slice(0, Math.min(answer === -1 ? MAX_MESSAGES : answer + 1, MAX_MESSAGES))
  const said = beginning.map(({ role, parts }) => [
    role,
    ...parts.map(({ type, content }) => `${type} ${withoutSecrets(content)}`),
  ])
  return `beginning ${Buffer.from(hashOf(['vivim/beginning/1', said]))
    .toString('hex')
    .slice(0, 32)}`
}

function withoutSecrets(text: string): string {
  let kept = ''
  let from = 0
  const safe = text.toWellFormed()
  for (const { start, end } of detectSecrets(safe)) {
    kept += safe.slice(from, Math.max(from, start))
    from = Math.max(from, end)
  }
  return kept + safe.slice(from)
}
