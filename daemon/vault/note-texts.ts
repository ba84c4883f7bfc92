import { editsBetween, type TextEdit } from '../../crdt/text.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'

interface NoteEditing {
  /** The note as it is. */
  readonly text: string
  readonly edits?: readonly TextEdit[] | undefined
  /** The whole new text, in place of edits. */
  readonly whole?: string | undefined
  /** The text as it may be stored: secrets replaced by markers. */
  storable(text: string): string
  /** The text as this session sees it. */
  visible(text: string): string
}

/**
 * The edits that turn a note into what its writer means, as it may be stored: a secret typed in pieces is found in the
 * whole. @throws VivimError `Forbidden` for a session that does not see all of the text: its places are not the text's;
 * `InvalidParams` for a place beyond the text; `TooLarge`
 */
export function noteEdits({ text, edits, whole, storable, visible }: NoteEditing): readonly TextEdit[] {
  if (edits === undefined && whole === undefined) return []
  if (visible(text) !== text)
    throw new VivimError('Forbidden', 'That note holds text above the level of this session.')
  const after = edits ? applied(text, edits) : (whole ?? text)
  const stored = storable(after)
  if (stored.length > LIMITS.noteCharacters)
    throw new VivimError('TooLarge', 'That note is too long.', {
      hint: `A note has up to ${LIMITS.noteCharacters} characters.`,
    })
  return edits && stored === after ? edits : editsBetween(text, stored)
}

function applied(text: string, edits: readonly TextEdit[]): string {
  let result = text
  for (const { at, delete: gone, insert } of edits) {
    if (at + gone > result.length)
      throw new VivimError('InvalidParams', 'The text has no such place.', { field: 'edits' })
    result = result.slice(0, at) + insert + result.slice(at + gone)
  }
  return result
}
