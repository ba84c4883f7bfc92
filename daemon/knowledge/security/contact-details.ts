import type { SecretSpan } from './span.ts'
import { windowsAround } from './windows.ts'

const MAIL =
  /(?<![\p{L}\p{N}._%+'-])[\p{L}\p{N}][\p{L}\p{N}._%+'-]{0,63}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,62})\.){1,6}\p{L}{2,24}(?![\p{L}\p{N}-]|\.\p{L})/gu
/** `ann (at) example (dot) com`. */
const SPELLED_MAIL =
  /(?<![\w.])[\w][\w.+-]{0,63} ?[([{]\s?(?:at|ät)\s?[)\]}] ?[\w-]{1,63}(?: ?(?:\.|[([{]\s?(?:dot|punkt)\s?[)\]}]) ?[a-z]{2,24}){1,3}/gi
const NOBODY = /^(?:git|no-?reply|do-?not-?reply|mailer-daemon|postmaster)@/i
/** `icon@2x.png`, `Foo@module.ts`: names of files, not of hosts. */
const FILE_ENDING =
  /\.(?:png|jpe?g|gif|svg|webp|ico|js|mjs|cjs|ts|tsx|jsx|css|json|html?|xml|ya?ml|md|txt|py|service|local|internal|target|socket|timer)$/i

export function findMails(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  const add = (index: number, mail: string) => {
    if (!NOBODY.test(mail) && !FILE_ENDING.test(mail))
      spans.push({ start: index, end: index + mail.length, kind: 'email' })
  }
  if (text.includes('@'))
    for (const window of windowsAround(text, /@/g, 70, 140))
      for (const { index, 0: mail } of window.text.matchAll(MAIL)) add(window.start + index, mail)
  for (const window of windowsAround(text, /[([{]\s?(?:at|ät|AT)\s?[)\]}]/g, 70, 140))
    for (const { index, 0: mail } of window.text.matchAll(SPELLED_MAIL)) add(window.start + index, mail)
  return spans
}

/** Digits with what may stand between them. Each form says how many digits it must have. */
const PHONES: readonly [pattern: RegExp, least: number, most: number][] = [
  // +49 30 1234567, +1 (415) 555-2671, 0049 …
  [
    /(?<![\w+.-]|\d )(?:\+|00(?=[1-9]\d))[1-9]\d{0,2}[ ./-]?(?:\(0?\d{1,5}\)[ ./-]?)?\d{1,12}(?:[ ./-]{1,2}\d{2,8}){0,6}(?![\w%]|[.,]\d)/g,
    9,
    16,
  ],
  // (415) 555-2671, 415-555-2671, 1-415-555-2671
  [
    /(?<![\w./-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}([-. ]))[2-9]\d{2}(?:\1|[-. ])\d{4}(?![\w-]|[.,]\d)/g,
    10,
    11,
  ],
  // 030 1234567, 0171/1234567, 020 7946 0958
  [/(?<![\w.,/-]|\d )\(?0[1-9]\d{1,4}\)?(?: ?[/–-] ?| )\d{3,9}(?:[ -]\d{1,6}){0,4}(?![\w-]|[.,/]\d)/g, 9, 13],
  // 06 12 34 56 78
  [/(?<![\w.,/-])0[1-9](?:[ .-]\d{2}){4}(?![\w-]|[.,]\d)/g, 10, 10],
  // 015112345678
  [/(?<![\w.,/-])01[567]\d{8,9}(?![\w-]|[.,]\d)/g, 11, 12],
]
const DATE = /^\(?\d{1,4}([./-])\d{1,2}\1\d{1,4}$|^\d{4}([./-])\d{1,2}\2\d{1,2}\b/
const PHONE_WORD =
  /(?:phone|telephone|\btel\b\.?|mobile|\bcell\b|whatsapp|\bfax\b|call (?:me|us|him|her|them)|text me|reach me|telefon\w*|handy\w*|rufnummer|mobil(?:nummer)?|durchwahl|ruf mich)(?:[- ]?(?:number|no\.?|nr\.?|nummer))?(?:(?: is| at| on| ist| unter| an)?[:= ]{1,3}|: ?)(\(?\+?\d[\d ()/.-]{4,20}\d)/gi

export function findPhoneNumbers(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  const add = (index: number, number: string, least: number, most: number) => {
    const digits = number.replace(/\D/g, '').length
    if (digits >= least && digits <= most && !DATE.test(number) && !/(\d)\1{6}/.test(number))
      spans.push({ start: index, end: index + number.length, kind: 'phone' })
  }
  for (const window of windowsAround(text, /\d[ ()./–-]{0,3}\d{2}/g, 60, 40)) {
    for (const [pattern, least, most] of PHONES)
      for (const { index, 0: number } of window.text.matchAll(pattern))
        if (!window.text.slice(Math.max(0, index - 6), index).match(/(?:isbn|issn|doi|v\.?) ?$/i))
          add(window.start + index, number, least, most)
    for (const match of window.text.matchAll(PHONE_WORD))
      add(window.start + match.index + match[0].length - match[1]!.length, match[1]!, 6, 16)
  }
  return spans
}
