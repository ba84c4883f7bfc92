import type { Part, Role } from '../../schema/capture.ts'

/** A message as stored: parts in source order, level-5 spans as markers. */
export interface StoredMessage {
  readonly id: string
  readonly conversationId: string
  readonly originalId: string | null
  readonly parentId: string | null
  readonly role: Role
  readonly author: string | null
  readonly model: string | null
  readonly createdAt: number | null
  readonly position: number
  readonly hidden: boolean
  readonly versionHash: string
  readonly parts: readonly Part[]
  /** On the shown branch. */
  readonly live: boolean
  /** 0 is the shown branch; others count up by the position of their first own message. */
  readonly branch: number
}

export interface StoredConversation {
  readonly id: string
  readonly provider: string
  readonly originalId: string | null
  readonly sourceUrl: string | null
  /** The user's own title if there is one, else the provider's, else ''. */
  readonly title: string
  readonly model: string | null
  readonly createdAt: number | null
  readonly updatedAt: number | null
  readonly capturedAt: number
  readonly state: 'ACTIVE' | 'ARCHIVED'
  readonly version: number
  readonly tags: readonly string[]
  /** In position order. */
  readonly messages: readonly StoredMessage[]
}
