import type { SecretSpan } from './span.ts'

/** 13 to 19 digits, in one run or in groups parted by one blank or dash. */
const DIGITS =
  /(?<![\w.,+$€£-])\d{4}[ -]?\d{4,6}[ -]?\d{4,5}(?:[ -]?\d{1,4})?(?:[ -]?\d{1,3})?(?![\w-]|[.,]\d)/g
const GROUPING = /^(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{4}([ -])\d{6}\2\d{4,5})$/
const CARD_WORD = /card|karte|visa|master|amex|credit|kredit|debit|cvv|cvc/i

/** Issuer ranges and lengths: ISO/IEC 7812 and the networks' published ranges. */
const ISSUERS: readonly [range: RegExp, lengths: readonly number[]][] = [
  [/^4/, [16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, [16]],
  [/^3[47]/, [15]],
  [/^3(?:0[0-5]|[689])/, [14, 16]],
  [/^(?:6011|64[4-9]|65)/, [16, 19]],
  [/^35(?:2[89]|[3-8])/, [16, 19]],
  [/^62/, [16, 17, 18, 19]],
  [/^(?:5018|5020|5038|5893|6304|6759|676[1-3])/, [13, 14, 15, 16, 17, 18, 19]],
  [/^220[0-4]/, [16]],
]

export function findPaymentCards(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (const { index, 0: written } of text.matchAll(DIGITS)) {
    if (!GROUPING.test(written)) continue
    const digits = written.replace(/[ -]/g, '')
    if (!passesLuhn(digits) || /^(\d)\1+$/.test(digits)) continue
    const grouped = written.length > digits.length
    const known = ISSUERS.some(([range, lengths]) => range.test(digits) && lengths.includes(digits.length))
    // 13 digits from 4 on are mostly article numbers, 17 to 19 mostly ids of posts: the words must say card.
    const plain = digits.length >= 15 && digits.length <= 16
    const named = CARD_WORD.test(text.slice(Math.max(0, index - 60), index))
    const old = digits.length === 13 && digits.startsWith('4')
    if ((known && (plain || grouped || named)) || (old && named))
      spans.push({ start: index, end: index + written.length, kind: 'payment_card' })
  }
  return spans
}

/** ISO/IEC 7812-1 annex B. */
export function passesLuhn(digits: string): boolean {
  let sum = 0
  for (let at = digits.length - 1, double = false; at >= 0; at--, double = !double) {
    const value = digits.charCodeAt(at) - 48
    sum += double ? (value > 4 ? value * 2 - 9 : value * 2) : value
  }
  return sum % 10 === 0
}
