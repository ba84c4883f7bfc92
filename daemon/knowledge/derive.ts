import { idOf } from '../../crdt/hash.ts'
import type { LINK_RELATIONS } from '../../schema/methods/knowledge.ts'
import type { StoredConversation, StoredMessage } from '../vault/conversation-reader.ts'
import { type GeneratedUnit, generateUnits } from './acu-generator.ts'

export type LinkRelation = (typeof LINK_RELATIONS)[number]

/** A unit where it stands. */
export interface DerivedOccurrence extends GeneratedUnit {
  readonly messageId: string
  /** Place among the message's units, from 0. */
  readonly ordinal: number
  readonly live: boolean
  readonly author: string | null
  readonly createdAt: number | null
}

/** One piece of evidence for a link; links with the same id are one link. */
export interface DerivedLink {
  readonly id: string
  readonly sourceId: string
  readonly targetId: string
  readonly relation: LinkRelation
  /** Thousandths. */
  readonly weight: number
  readonly rule: string
  readonly sourceMessageId: string
  readonly targetMessageId: string
}

export interface DerivedConversation {
  readonly id: string
  readonly title: string
  readonly archived: boolean
  readonly occurrences: readonly DerivedOccurrence[]
  readonly links: readonly DerivedLink[]
}

/** Everything derived from one conversation: a pure function of it. */
export function deriveConversation(conversation: StoredConversation): DerivedConversation {
  const deriver = new ConversationDeriver(conversation)
  for (const message of conversation.messages) deriver.add(message)
  return deriver.result()
}

/** A question or request nobody has answered yet on this branch. */
interface Pending {
  readonly messageId: string
  readonly unitId: string
}

/** How many of a reply's units are linked to the question, and how strongly. */
const ANSWER_WEIGHTS = [900, 700, 500]
const NEXT_IN_MESSAGE = 1_000
const NEXT_IN_SEQUENCE = 600

/** Derives message by message, so that a long conversation can be worked through in slices. */
export class ConversationDeriver {
  readonly #conversation: StoredConversation
  readonly #occurrences: DerivedOccurrence[] = []
  readonly #links: DerivedLink[] = []
  readonly #pending = new Map<string, Pending>()
  /** The last unit said in a message, by message: where a sequence goes on. */
  readonly #lastSaid = new Map<string, { role: string; unitId: string }>()

  constructor(conversation: StoredConversation) {
    this.#conversation = conversation
  }

  /** Messages in position order. */
  add(message: StoredMessage): void {
    const above = message.parentId === null ? undefined : this.#pending.get(message.parentId)
    const units = message.hidden
      ? []
      : this.#unitsOf(message, message.role === 'assistant' && above !== undefined)
    const said = units.filter(({ aside }) => !aside)
    if (said.length === 0) {
      // Hidden messages, thoughts and calls of tools stand between a question and its answer.
      if (above && message.role !== 'user') this.#pending.set(message.id, above)
      return
    }
    if (message.role === 'user') this.#ask(message, said)
    else if (message.role === 'assistant' && above) this.#answer(above, message, said)
    if (message.role === 'user' || message.role === 'assistant') this.#sequence(message, said)
  }

  result(): DerivedConversation {
    const { id, title, state } = this.#conversation
    return { id, title, archived: state === 'ARCHIVED', occurrences: this.#occurrences, links: this.#links }
  }

  #unitsOf(message: StoredMessage, repliesFirst: boolean): DerivedOccurrence[] {
    const { id: messageId, role, parts, live, author, createdAt } = message
    const units = generateUnits({ role, parts, live, repliesFirst }).map((unit, ordinal) => ({
      ...unit,
      messageId,
      ordinal,
      live,
      author,
      createdAt,
    }))
    for (const unit of units) this.#occurrences.push(unit)
    return units
  }

  #ask(message: StoredMessage, said: readonly GeneratedUnit[]): void {
    const question = said.findLast(({ type }) => type === 'question' || type === 'instruction')
    if (question) this.#pending.set(message.id, { messageId: message.id, unitId: question.id })
  }

  #answer(question: Pending, message: StoredMessage, said: readonly GeneratedUnit[]): void {
    said.slice(0, ANSWER_WEIGHTS.length).forEach((unit, at) => {
      this.#link('ANSWERS', unit.id, question.unitId, {
        weight: ANSWER_WEIGHTS[at]!,
        rule: 'link.first-reply',
        sourceMessageId: message.id,
        targetMessageId: question.messageId,
      })
    })
  }

  #sequence(message: StoredMessage, said: readonly GeneratedUnit[]): void {
    const before = message.parentId === null ? undefined : this.#lastSaid.get(message.parentId)
    if (before?.role === message.role)
      this.#link('NEXT_STEP', before.unitId, said[0]!.id, {
        weight: NEXT_IN_SEQUENCE,
        rule: 'link.next-in-sequence',
        sourceMessageId: message.parentId!,
        targetMessageId: message.id,
      })
    for (let at = 1; at < said.length; at++)
      this.#link('NEXT_STEP', said[at - 1]!.id, said[at]!.id, {
        weight: NEXT_IN_MESSAGE,
        rule: 'link.next-in-message',
        sourceMessageId: message.id,
        targetMessageId: message.id,
      })
    this.#lastSaid.set(message.id, { role: message.role, unitId: said.at(-1)!.id })
  }

  #link(
    relation: DerivedLink['relation'],
    sourceId: string,
    targetId: string,
    evidence: Omit<DerivedLink, 'id' | 'relation' | 'sourceId' | 'targetId'>,
  ): void {
    if (sourceId === targetId) return
    this.#links.push({ id: idOf([sourceId, targetId, relation]), relation, sourceId, targetId, ...evidence })
  }
}
