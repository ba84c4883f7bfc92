import type { CaptureMessage } from '../../../schema/capture.ts'

const LONGEST = 80

/** A title for a conversation whose provider gives none: the beginning of what the user said first. */
export function titleFrom(messages: readonly CaptureMessage[]): string | undefined {
  for (const { role, hidden, parts } of messages) {
    if (role !== 'user' || hidden) continue
    const words = parts.find(({ type, content }) => type === 'text' && content.trim() !== '')?.content
    const line = words?.trim().split('\n', 1)[0]?.trim()
    if (line) return line.length > LONGEST ? `${line.slice(0, LONGEST - 1).trimEnd()}…` : line
  }
  return undefined
}
