import { remainderOf97 } from './iban.ts'
import type { SecretSpan } from './span.ts'
import { windowsAround } from './windows.ts'

interface IdForm {
  readonly kind: string
  readonly pattern: RegExp
  /** Words that must stand before it, when its form alone proves too little. */
  readonly word?: RegExp
  readonly valid: (compact: string) => boolean
}

const digitsOf = (text: string) => Array.from(text, Number)
const weighted = (text: string, weights: readonly number[]) =>
  weights.reduce((sum, weight, at) => sum + weight * Number(text[at]), 0)

const FORMS: readonly IdForm[] = [
  {
    kind: 'us_ssn',
    pattern: /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g,
    valid: isSsn,
  },
  {
    kind: 'us_ssn',
    pattern: /(?<![\w-])\d{3} ?\d{2} ?\d{4}(?![\w-])/g,
    word: /\bssn\b|social security/i,
    valid: isSsn,
  },
  {
    kind: 'de_tax_id',
    pattern: /(?<![\w-])\d{2} ?\d{3} ?\d{3} ?\d{3}(?![\w-])/g,
    word: /steuer|\bidnr|tax id|\btin\b/i,
    valid: isGermanTaxId,
  },
  {
    kind: 'de_social_insurance',
    pattern: /(?<!\w)\d{2} ?\d{6} ?[A-Z] ?\d{2} ?\d(?!\w)/g,
    word: /sozialvers|rentenvers|\bsv-?n|versicherungsnummer/i,
    valid: () => true,
  },
  {
    kind: 'uk_nino',
    pattern: /(?<!\w)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D](?!\w)/g,
    valid: (id) => !/^(?:BG|GB|NK|KN|NT|TN|ZZ)/.test(id),
  },
  {
    kind: 'es_dni',
    pattern: /(?<![\w-])(?:[XYZ]-?\d{7}|\d{8})[ -]?[A-HJ-NP-TV-Z](?![\w-])/g,
    valid: (id) =>
      'TRWAGMYFPDXBNJZSQVHLCKE'[
        Number(id.slice(0, -1).replace(/^[XYZ]/, (c) => `${'XYZ'.indexOf(c)}`)) % 23
      ] === id.at(-1),
  },
  {
    kind: 'it_codice_fiscale',
    pattern: /(?<!\w)[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z](?!\w)/g,
    valid: isCodiceFiscale,
  },
  {
    kind: 'fr_insee',
    pattern: /(?<![\w-])[12] ?\d{2} ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?![\w-])/g,
    valid: (id) => {
      const body = Number(id.slice(0, 13).replace('2A', '19').replace('2B', '18'))
      return 97 - (body % 97) === Number(id.slice(13))
    },
  },
  {
    kind: 'nl_bsn',
    pattern: /(?<![\w-])\d{9}(?![\w-])/g,
    word: /\bbsn\b|burgerservice/i,
    valid: (id) => weighted(id, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0,
  },
  {
    kind: 'pl_pesel',
    pattern: /(?<![\w-])\d{11}(?![\w-])/g,
    word: /pesel/i,
    valid: (id) => weighted(id, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0,
  },
  {
    kind: 'ch_ahv',
    pattern: /(?<![\w-])756\.\d{4}\.\d{4}\.\d{2}(?![\w-])/g,
    valid: (id) => weighted(id, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0,
  },
  {
    kind: 'br_cpf',
    pattern: /(?<![\w-])\d{3}\.\d{3}\.\d{3}-\d{2}(?![\w-])/g,
    valid: isCpf,
  },
  {
    kind: 'in_aadhaar',
    pattern: /(?<![\w-])[2-9]\d{3} ?\d{4} ?\d{4}(?![\w-])/g,
    word: /aadha?ar|uidai/i,
    valid: passesVerhoeff,
  },
  {
    kind: 'be_rrn',
    pattern: /(?<![\w-])\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}(?![\w-])/g,
    valid: (id) =>
      [id.slice(0, 9), `2${id.slice(0, 9)}`].some((body) => 97 - remainderOf97(body) === Number(id.slice(9))),
  },
  {
    kind: 'passport',
    pattern: /(?<![\w-])(?=(?:[A-Z]*\d){4})[A-Z0-9]{8,9}(?![\w-])/g,
    word: /passport(?: (?:no|num|nr|#|is)|:)|passnummer|reisepass|personalausweis|ausweisnummer/i,
    valid: () => true,
  },
]

/** Two digits and what may go on as an id. */
const POSSIBLE = /\d[ .-]?\d[ .\dA-Z-]{5}/g

export function findNationalIds(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (const window of windowsAround(text, POSSIBLE, 80, 40)) {
    for (const { kind, pattern, word, valid } of FORMS) {
      if (word && !word.test(window.text)) continue
      for (const { index, 0: written } of window.text.matchAll(pattern)) {
        if (word && !word.test(window.text.slice(Math.max(0, index - 60), index))) continue
        if (!valid(written.replace(/[ .-]/g, ''))) continue
        const start = window.start + index
        spans.push({ start, end: start + written.length, kind })
      }
    }
  }
  return spans
}

/** SSA rules for numbers that can be given out. */
function isSsn(id: string): boolean {
  return !/^(?:000|666|9)/.test(id) && id.slice(3, 5) !== '00' && id.slice(5) !== '0000' && id !== '078051120'
}

/** ISO 7064 MOD 11,10; no leading zero, one digit twice or thrice among the first ten. */
function isGermanTaxId(id: string): boolean {
  let product = 10
  for (const digit of digitsOf(id.slice(0, 10))) product = (2 * ((digit + product) % 10 || 10)) % 11
  return id[0] !== '0' && (11 - product) % 10 === Number(id[10]) && new Set(id.slice(0, 10)).size < 10
}

function isCodiceFiscale(id: string): boolean {
  const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23]
  let sum = 0
  for (let at = 0; at < 15; at++) {
    const code = id.charCodeAt(at)
    const value = code < 58 ? code - 48 : code - 65
    sum += at % 2 === 0 ? odd[value]! : value
  }
  return sum % 26 === id.charCodeAt(15) - 65
}

function isCpf(id: string): boolean {
  if (/^(\d)\1+$/.test(id)) return false
  return [9, 10].every((length) => {
    const sum = digitsOf(id.slice(0, length)).reduce(
      (total, digit, at) => total + digit * (length + 1 - at),
      0,
    )
    return ((sum * 10) % 11) % 10 === Number(id[length])
  })
}

/** Verhoeff's check in the dihedral group D5. */
function passesVerhoeff(id: string): boolean {
  const product = (a: number, b: number) =>
    a < 5 ? (b < 5 ? (a + b) % 5 : ((a + b) % 5) + 5) : b < 5 ? ((a - b + 5) % 5) + 5 : (a - b + 5) % 5
  const step = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
  let check = 0
  digitsOf(id)
    .reverse()
    .forEach((digit, at) => {
      let value = digit
      for (let turn = 0; turn < at % 8; turn++) value = step[value]!
      check = product(check, value)
    })
  return check === 0
}
