import { findAssignedSecrets } from './assigned-secrets.ts'
import { findConnectionStrings } from './connection-strings.ts'
import { findIbans } from './iban.ts'
import { findNationalIds } from './national-ids.ts'
import { findPaymentCards } from './payment-cards.ts'
import { findPrivateKeys } from './private-keys.ts'
import { findSeedPhrases } from './seed-phrases.ts'
import { type SecretSpan, withoutOverlaps } from './span.ts'
import { findVendorTokens } from './vendor-tokens.ts'

/** A marker in stored text where a secret was sealed away. */
export const SEALED_MARKER = /⟦sealed:[a-z0-9_]{1,40}:[a-z0-9]{1,40}⟧/g

/** In the order in which they win where they overlap at one place. */
const DETECTORS = [
  findPrivateKeys,
  findVendorTokens,
  findConnectionStrings,
  findAssignedSecrets,
  findPaymentCards,
  findIbans,
  findNationalIds,
  findSeedPhrases,
]

/** Longer text is read in pieces, so that no pattern holds more than this. */
const PIECE = 1 << 20
/** Pieces overlap by this: a secret on a boundary is whole in one of them. */
const OVERLAP = 16_384

/**
 * Secrets in a text: keys and tokens, passwords, private keys, connection strings, seed phrases, payment cards,
 * IBANs and national ids. UTF-16 offsets, sorted, without overlaps. Markers of sealed secrets are passed over.
 */
export function detectSecrets(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (let from = 0; from < text.length; from += PIECE) {
    const piece = text.length <= PIECE ? text : text.slice(from, from + PIECE + OVERLAP)
    for (const detector of DETECTORS)
      for (const { start, end, kind } of detector(piece))
        spans.push({ start: from + start, end: from + end, kind })
  }
  return spans.length === 0 ? spans : outsideMarkers(text, withoutOverlaps(spans))
}

function outsideMarkers(text: string, spans: SecretSpan[]): SecretSpan[] {
  if (!text.includes('⟦sealed:')) return spans
  const markers = Array.from(text.matchAll(SEALED_MARKER), ({ index, 0: marker }) => ({
    start: index,
    end: index + marker.length,
  }))
  return spans.filter(({ start, end }) => !markers.some((marker) => start < marker.end && end > marker.start))
}
