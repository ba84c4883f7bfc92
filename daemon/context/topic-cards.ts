import type { Line } from './bundle-lines.ts'
import { dayText } from './dates.ts'
import { quoteLine } from './quote.ts'
import type { Retrieval } from './retriever.ts'
import { rounded } from './score.ts'
import { matchTerms } from './term-weights.ts'
import type { Titles } from './titles.ts'
import { visibleText } from './visibility.ts'

const TOPICS = 2
const TERMS_SHOWN = 6
/** Of the message's weight, what a topic's own words must hold for the message to be about it. */
const COVERAGE = 0.2
const TYPICAL_LENGTH = 8

/** One line for each topic the message is about; byte-identical until the topic changes. */
export function topicCards({ weights }: Retrieval, titles: Titles, maxSecurityLevel: number): Line[] {
  return (
    titles
      .topics()
      .map((topic) => ({
        topic,
        match: matchTerms(weights, topic.labelTerms, topic.otherTerms, TYPICAL_LENGTH),
      }))
      .filter(
        ({ topic, match }) =>
          match.coverage >= COVERAGE && topic.labelTerms.some((term) => match.terms.has(term)),
      )
      .sort((a, b) => b.match.bm25 - a.match.bm25 || (a.topic.id < b.topic.id ? -1 : 1))
      .slice(0, TOPICS)
      // Their order must not depend on the message: the prefix stays the same for the same topics.
      .sort((a, b) => (a.topic.id < b.topic.id ? -1 : 1))
      .map(({ topic, match }): Line => {
        const show = (text: string) => quoteLine(visibleText(text, maxSecurityLevel), 60)
        const terms = topic.terms.slice(0, TERMS_SHOWN).map(show).join(', ')
        const seen = topic.lastSeenAt === null ? '' : `, last ${dayText(topic.lastSeenAt)}`
        return {
          layer: 'L2',
          group: '',
          body: `${show(topic.label)}: ${terms} (${topic.unitCount} units, ${topic.conversationCount} conversations${seen})`,
          score: rounded(match.bm25),
          source: {
            kind: 'topic',
            id: topic.id,
            messageId: null,
            originalMessageId: null,
            conversationId: null,
            date: topic.lastSeenAt,
            score: rounded(match.bm25),
            why: [{ term: 'label and terms', value: rounded(match.bm25) }],
            securityLevel: 0,
          },
        }
      })
  )
}
