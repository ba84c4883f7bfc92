import { createHash } from 'node:crypto'
import { encodeCanonical } from '../../crdt/cbor.ts'

/** `text`, or `code:<language>`; `code:` when the language is unknown. */
export type UnitClass = 'text' | `code:${string}`

/** NFC; CRLF and CR → LF; runs of U+0009, U+000A, U+000D, U+0020 folded to one space; trimmed. */
export function canonicalText(text: string): string {
  return text
    .normalize('NFC')
    .replace(/[\t\n\r ]+/g, ' ')
    .replace(/^ | $/g, '')
}

/** LF line ends, one trailing line end removed. */
export function canonicalCode(code: string): string {
  return code.replace(/\r\n?/g, '\n').replace(/\n$/, '')
}

/** Canonical form of a content of this class. */
export function canonicalContent(unitClass: UnitClass, content: string): string {
  return unitClass === 'text' ? canonicalText(content) : canonicalCode(content)
}

/** Hex SHA3-256 over canonical CBOR ['vivim/acu/1', class, canonical content]: equal facts, equal ids, everywhere. */
export function unitId(unitClass: UnitClass, canonical: string): string {
  return createHash('sha3-256')
    .update(encodeCanonical(['vivim/acu/1', unitClass, canonical]))
    .digest('hex')
}
