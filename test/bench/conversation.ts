import type { CaptureConversation } from '../../schema/capture.ts'
import type { SeededRandom } from '../support/seed.ts'

const SUBJECTS =
  'bread oven flour index database query garden tomato train Lisbon battery inverter grammar verb'.split(' ')
const VERBS = 'needs uses improves replaces explains measures breaks fixes plans compares checks moves'.split(
  ' ',
)
const REST =
  'the old plan before summer|a second pass over the data|about forty minutes at low heat|one more test with real input|the north side of the house|a smaller step and a note'.split(
    '|',
  )

/** A made-up conversation of plain text, one paragraph of some 40 words a message. */
export function madeConversation(random: SeededRandom, id: string, messages: number): CaptureConversation {
  const sentence = () =>
    `The ${random.pick(SUBJECTS)} ${random.pick(VERBS)} the ${random.pick(SUBJECTS)} and ${random.pick(REST)}, step ${random.integer(10_000)}.`
  return {
    format: 'vivim.capture/1',
    provider: 'bench',
    originalId: id,
    title: `About ${random.pick(SUBJECTS)} and ${random.pick(SUBJECTS)}`,
    createdAt: Date.UTC(2026, 0, 1),
    messages: Array.from({ length: messages }, (_, at) => ({
      id: `${id}-${at}`,
      role: at % 2 === 0 ? ('user' as const) : ('assistant' as const),
      createdAt: Date.UTC(2026, 0, 1) + at * 60_000,
      parts: [{ type: 'text' as const, content: [sentence(), sentence(), sentence()].join(' ') }],
    })),
  }
}
