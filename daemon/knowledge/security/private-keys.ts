import { looksRandom } from './entropy.ts'
import type { SecretSpan } from './span.ts'
import { longRuns } from './windows.ts'

const BEGIN = /-----BEGIN ([A-Z0-9 ]{0,40}?)PRIVATE KEY(?: BLOCK)?-----/g
/** A block cut off by the end of the chat: as far as lines of base64 (or its escaped newlines) go on. */
const BODY = /(?:[A-Za-z0-9+/=:, \t\r\n-]|\\[rn])*/y
/** 256 bits in hex, or in the wallet import format of Bitcoin. */
const RAW_KEY = /^(?:(?:0x)?[0-9a-fA-F]{64}|[5KL][1-9A-HJ-NP-Za-km-z]{50,51})$/
const SAID_PRIVATE = /(?:private|secret|privat\w*|geheim\w*)[ _-]?(?:key|schlüssel)|\bwif\b|wallet key/i

/** PEM and PGP private-key blocks, and raw keys that the words before them call private. */
export function findPrivateKeys(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  if (text.includes('-----BEGIN')) {
    for (const { index, 0: head } of text.matchAll(BEGIN)) {
      const foot = text.indexOf('PRIVATE KEY', index + head.length)
      const close = foot === -1 ? -1 : text.indexOf('-----', foot)
      const end = close === -1 ? endOfBody(text, index + head.length) : close + 5
      spans.push({ start: index, end, kind: 'private_key' })
    }
  }
  for (const { start, end } of longRuns(text, 51)) {
    if (end - start > 66) continue
    const key = text.slice(start, end).replace(/\.$/, '')
    if (!RAW_KEY.test(key) || !looksRandom(key)) continue
    if (SAID_PRIVATE.test(text.slice(Math.max(0, start - 60), start)))
      spans.push({ start, end: start + key.length, kind: 'private_key' })
  }
  return spans
}

function endOfBody(text: string, from: number): number {
  BODY.lastIndex = from
  return from + (BODY.exec(text)?.[0].trimEnd().length ?? 0)
}
