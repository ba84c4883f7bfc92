import type { CaptureConversation } from '../../../schema/capture.ts'
import type { JsonObject } from './json-value.ts'

/** What an element of an export became. Reasons and notes are a few words, counted in the report; never content. */
export interface ParsedElement {
  readonly conversations: readonly CaptureConversation[]
  /** Why nothing, or not all, of the element was taken. */
  readonly skipped: readonly string[]
  /** What was put right on the way. */
  readonly notes: readonly string[]
}

/** One source of conversations. It is recognised by structure alone: three vendors ship a `conversations.json`. */
export interface Provider {
  /** Lower-case name, as in `vivim.capture/1`. */
  readonly name: string
  readonly title: string
  /** True when real exports of this form were seen, not only its description. */
  readonly validated: boolean
  /** Whether an element of a file is one of this provider's conversations. */
  detect(element: JsonObject): boolean
  /** Loads what `parse` needs and most users never do; awaited once before it. */
  prepare?(): Promise<void>
  /** Never throws: what cannot be read is skipped with a reason. */
  parse(element: JsonObject): ParsedElement
}

export function skippedElement(reason: string): ParsedElement {
  return { conversations: [], skipped: [reason], notes: [] }
}
