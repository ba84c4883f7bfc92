/** Tokens of a text, estimated as UTF-8 bytes / 4: close for Latin text, code and CJK alike. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text, 'utf8') / 4)
}

const SENTENCE_END = /[.!?…]["'”’)\]*_]{0,3}(?=\s|$)|[。！？؟।]/gu

/** Sentences by their end marks; text without any is one. */
export function countSentences(text: string): number {
  let count = 0
  for (const _ of text.matchAll(SENTENCE_END)) count++
  return Math.max(1, count)
}

/** log2 of a positive integer in 1/1024, by integer arithmetic: the same on every machine. */
export function log2Fixed(value: number): number {
  let whole = 0
  let rest = value
  while (rest >= 2) {
    rest /= 2
    whole++
  }
  let result = whole * 1024
  for (let bit = 512; bit >= 1; bit /= 2) {
    rest *= rest
    if (rest >= 2) {
      rest /= 2
      result += bit
    }
  }
  return result
}
