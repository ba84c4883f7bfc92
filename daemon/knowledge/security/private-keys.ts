import { looksRandom } from './entropy.ts'
import type { SecretSpan } from './span.ts'

const BEGIN = /-----BEGIN ([A-Z0-9 ]{0,40}?)PRIVATE KEY(?: BLOCK)?-----/g
/** A block cut off by the end of the chat: as far as lines of base64 (or its escaped newlines) go on. */
const BODY = /(?:[A-Za-z0-9+/=:, \t\r\n-]|\\[rn])*/y
const KEY_WORD = /private|priv|secret|mnemonic|wallet|privat|geheim|wif/i
const HEX_KEY = /(?<![\w/])(?:0x)?[0-9a-fA-F]{64}(?!\w)/g
const WIF = /(?<![\w/])[5KL][1-9A-HJ-NP-Za-km-z]{50,51}(?!\w)/g

/** PEM and PGP private-key blocks, and raw keys that the words before them call private. */
export function findPrivateKeys(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  if (text.includes('-----BEGIN')) {
    for (const { index, 0: head } of text.matchAll(BEGIN)) {
      const foot = text.indexOf('PRIVATE KEY', index + head.length)
      const close = foot === -1 ? -1 : text.indexOf('-----', foot)
      spans.push({
        start: index,
        end: close === -1 ? endOfBody(text, index + head.length) : close + 5,
        kind: 'private_key',
      })
    }
  }
  if (KEY_WORD.test(text)) {
    for (const pattern of [HEX_KEY, WIF]) {
      for (const { index, 0: key } of text.matchAll(pattern)) {
        const before = text.slice(Math.max(0, index - 60), index)
        if (
          /(?:private|secret|privat\w*|geheim\w*)[ _-]?(?:key|schlüssel)|wif|mnemonic/i.test(before) &&
          looksRandom(key)
        )
          spans.push({ start: index, end: index + key.length, kind: 'private_key' })
      }
    }
  }
  return spans
}

function endOfBody(text: string, from: number): number {
  BODY.lastIndex = from
  return from + (BODY.exec(text)?.[0].trimEnd().length ?? 0)
}
