import type { SecretSpan } from './span.ts'

const CANDIDATE = /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}/g

/** Lengths by country: SWIFT IBAN registry. */
const LENGTHS = new Map(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18
   FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20
   LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24
   SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20`
    .trim()
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const),
)

export function findIbans(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (const { index, 0: written } of text.matchAll(CANDIDATE)) {
    const length = LENGTHS.get(written.slice(0, 2).toUpperCase())
    if (!length) continue
    const end = endOf(written, length)
    if (end === undefined || /^[A-Za-z0-9]/.test(text.slice(index + end))) continue
    const compact = written.slice(0, end).replace(/[ -]/g, '').toUpperCase()
    if (remainderOf97(compact.slice(4) + compact.slice(0, 4)) === 1)
      spans.push({ start: index, end: index + end, kind: 'iban' })
  }
  return spans
}

/** Where the first `length` letters and digits end. */
function endOf(written: string, length: number): number | undefined {
  let count = 0
  for (let at = 0; at < written.length; at++)
    if (/[A-Za-z0-9]/.test(written[at]!) && ++count === length) return at + 1
  return undefined
}

/** ISO 7064 MOD 97 of digits and letters (A = 10). */
export function remainderOf97(text: string): number {
  let rest = 0
  for (const character of text) {
    const value = Number.parseInt(character, 36)
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97
  }
  return rest
}
