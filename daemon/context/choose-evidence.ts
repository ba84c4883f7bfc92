import { groupText, type Line, lineText } from './bundle-lines.ts'
import { chronological, type EvidenceLine } from './evidence-lines.ts'

/** A line longer than this share of the room is quoted in short. */
const SHARE_OF_ROOM = 0.25
/** Each further hit of one conversation counts a little less, so that others get a word in. */
const SAME_CONVERSATION = 0.97
const SHORTEST_WORTH_CUTTING = 96

/**
 * Chooses evidence for `room` tokens: by score, conversations taking turns, long units cut before any is dropped.
 * The answer is in time order; `drop` hears what did not fit.
 */
export function chooseEvidence(
  lines: readonly EvidenceLine[],
  room: number,
  sizeOf: (text: string) => number,
  drop: (id: string) => void,
): Line[] {
  const waiting = lines.map((line) => ({ line, value: line.hit.score }))
  const chosen: { evidence: EvidenceLine; line: Line }[] = []
  const groups = new Set<string>()
  const long = Math.max(SHORTEST_WORTH_CUTTING, room * SHARE_OF_ROOM)
  let left = room
  while (waiting.length > 0) {
    let best = 0
    for (let i = 1; i < waiting.length; i++) if (waiting[i]!.value > waiting[best]!.value) best = i
    const [{ line: evidence }] = waiting.splice(best, 1) as [(typeof waiting)[number]]
    const groupSize = groups.has(evidence.group) ? 0 : sizeOf(groupText(evidence.group))
    const forms = [evidence.whole, evidence.short].filter((form) => form !== undefined)
    const form = forms.find((one, i) => {
      const size = sizeOf(lineText(one))
      return size + groupSize <= left && (size <= long || i === forms.length - 1)
    })
    if (!form) {
      drop(evidence.hit.unit.id)
      continue
    }
    left -= sizeOf(lineText(form)) + groupSize
    groups.add(evidence.group)
    chosen.push({ evidence, line: form })
    for (const other of waiting)
      if (other.line.hit.place.conversationId === evidence.hit.place.conversationId)
        other.value *= SAME_CONVERSATION
  }
  return chosen.sort((a, b) => chronological(a.evidence, b.evidence)).map(({ line }) => line)
}
