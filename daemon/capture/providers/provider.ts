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

interface Named {
  /** Lower-case name, as in `vivim.capture/1`; a provider that writes several forms stands several times in the list. */
  readonly name: string
  readonly title: string
  /** True when real exports of this form were seen, not only its description. */
  readonly validated: boolean
}

/** One source of conversations. It is recognised by structure alone: three vendors ship a `conversations.json`. */
export interface ElementProvider extends Named {
  readonly kind?: undefined
  /** The elements are the array under this key of the file's one object; absent: the file's own. */
  readonly under?: string
  /** Whether an element of a file is one of this provider's conversations. */
  detect(element: JsonObject): boolean
  /** Loads what `parse` needs and most users never do; awaited once before it. */
  prepare?(): Promise<void>
  /** Never throws: what cannot be read is skipped with a reason. */
  parse(element: JsonObject): ParsedElement
}

/** An element of a file whose conversations are spread over many. */
export interface ListedElement {
  readonly value: JsonObject
  readonly bytes: Uint8Array
}

/** What became of some of a file, and the bytes it was made of. */
export interface ParsedGroup {
  readonly parsed: ParsedElement
  readonly raw: readonly Uint8Array[]
}

/** A file whose elements are messages or events: logs of sessions, activities. Read whole, up to `LIMITS.listFileBytes`. */
export interface ListProvider extends Named {
  readonly kind: 'list'
  /** Whether an element of a file is one of this provider's messages or events. */
  detect(element: JsonObject): boolean
  /** Never throws; groups in an order that depends on the elements alone. `file` is its name, for what has no id. */
  parse(elements: readonly ListedElement[], file: string): readonly ParsedGroup[]
}

/** A file that is no JSON: a page, a table, a transcript. */
export interface TextProvider extends Named {
  readonly kind: 'text'
  /** Whether the file is this provider's, by its beginning: 256 KiB, most of it style in some pages. */
  detect(beginning: string): boolean
  /** Never throws. */
  parse(text: string, file: string): readonly ParsedGroup[]
}

export type Provider = ElementProvider | ListProvider | TextProvider

export function skippedElement(reason: string): ParsedElement {
  return { conversations: [], skipped: [reason], notes: [] }
}
