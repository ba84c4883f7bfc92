import type { Draft } from './bundle-lines.ts'
import { beginning } from './excerpt.ts'

/** What is given up, step by step, while a bundle is still too long: each form is smaller, the last is empty. */
export function smallerDrafts(draft: Draft): Draft[] {
  const drafts: Draft[] = []
  const byScore = draft.evidence.toSorted((a, b) => a.score - b.score)
  for (let gone = 1; gone < byScore.length; gone *= 2) {
    const out = new Set(byScore.slice(0, gone))
    drafts.push({ ...draft, evidence: draft.evidence.filter((line) => !out.has(line)) })
  }
  const bare = { ...draft, evidence: [] }
  drafts.push(bare, { ...bare, arc: [] }, { ...bare, arc: [], history: [] })
  drafts.push({ ...bare, arc: [], history: [], topics: [] })
  return drafts
}

/** Longest first; sizes go by characters, since only a count tells the tokens. */
const CUTS = [1.15, 1, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
const SHORTEST = [8, 4, 3, 2, 1]

/** Beginnings of a message of `tokens` tokens that may fit `room`, longest first; the last is empty. */
export function cutMessages(message: string, tokens: number, room: number): string[] {
  const perToken = message.length / Math.max(1, tokens)
  const lengths = [...CUTS.map((cut) => Math.floor(perToken * room * cut)), ...SHORTEST]
  const cuts = lengths
    .filter((length) => length > 0 && length < message.length)
    .sort((a, b) => b - a)
    .map((length) => beginning(message, length))
  return [
    ...new Set(cuts.filter((cut) => cut !== '').map((cut) => `${cut}…`)),
    ...SHORTEST.map((length) => beginning(message, length)),
    '',
  ]
}
