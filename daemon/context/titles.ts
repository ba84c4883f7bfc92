import { termsOf } from '../knowledge/words/terms.ts'
import type { Vault } from '../vault/vault.ts'
import type { Corpus } from './corpus.ts'

export interface ConversationTitle {
  readonly id: string
  readonly title: string
  readonly archived: boolean
  readonly updatedAt: number | null
  readonly terms: readonly string[]
}

export interface Topic {
  readonly id: string
  readonly label: string
  readonly terms: readonly string[]
  readonly unitCount: number
  readonly conversationCount: number
  readonly lastSeenAt: number | null
  readonly labelTerms: readonly string[]
  readonly otherTerms: readonly string[]
}

/** Titles and topics with their words, read again when the database changes. */
export class Titles {
  readonly #vault: Vault
  readonly #corpus: Corpus
  #changes = -1
  #conversations: readonly ConversationTitle[] | undefined
  /** By title: most stay as they are, and to find the words of thousands takes longer than to read them. */
  #terms: ReadonlyMap<string, readonly string[]> = new Map()
  #topics: readonly Topic[] | undefined

  constructor(vault: Vault, corpus: Corpus) {
    this.#vault = vault
    this.#corpus = corpus
  }

  conversations(): readonly ConversationTitle[] {
    this.#forgetStale()
    this.#conversations ??= this.#readConversations()
    return this.#conversations
  }

  #readConversations(): ConversationTitle[] {
    const before = this.#terms
    const rows = this.#vault.all<{
      id: string
      title: string
      state: string | null
      updated_at: number | null
    }>(
      `SELECT id, coalesce(custom_title, title, '') AS title, state, updated_at FROM conversations
       WHERE space = ? AND deleted = 0 ORDER BY id`,
      [this.#vault.space],
    )
    const terms = new Map<string, readonly string[]>()
    const read = rows.map(({ id, title, state, updated_at }) => {
      const own = terms.get(title) ?? before.get(title) ?? termsOf(title)
      terms.set(title, own)
      return { id, title, archived: state === 'ARCHIVED', updatedAt: updated_at, terms: own }
    })
    this.#terms = terms
    return read
  }

  topics(): readonly Topic[] {
    this.#forgetStale()
    this.#topics ??= this.#vault
      .all<TopicRow>(
        `SELECT id, label, terms_json, unit_count, conversation_count, last_seen_at FROM topic_profiles
         ORDER BY unit_count DESC, id LIMIT 2000`,
      )
      .map((row) => {
        const terms = textsOf(JSON.parse(row.terms_json))
        return {
          id: row.id,
          label: row.label,
          terms,
          unitCount: row.unit_count,
          conversationCount: row.conversation_count,
          lastSeenAt: row.last_seen_at,
          labelTerms: termsOf(row.label),
          otherTerms: termsOf(terms.join(' ')),
        }
      })
    return this.#topics
  }

  #forgetStale(): void {
    const changes = this.#corpus.refresh()
    if (changes === this.#changes) return
    this.#changes = changes
    this.#conversations = undefined
    this.#topics = undefined
  }
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []
}

interface TopicRow {
  readonly id: string
  readonly label: string
  readonly terms_json: string
  readonly unit_count: number
  readonly conversation_count: number
  readonly last_seen_at: number | null
}
