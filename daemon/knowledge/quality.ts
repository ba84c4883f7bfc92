import type { UnitView } from './classify.ts'
import * as cues from './cues.ts'
import { countSentences, log2Fixed } from './measure.ts'

export interface QualityPart {
  readonly rule: string
  /** Points added, or taken when negative. */
  readonly points: number
}

export interface Quality {
  /** 0 to 100. */
  readonly score: number
  readonly parts: readonly QualityPart[]
}

export interface QualityView extends UnitView {
  readonly hasHeading: boolean
  /** False on a branch that is not shown. */
  readonly live: boolean
}

/** Larger units are scored by their beginning: length alone must not win. */
const READ = 4_000

/** A pair of characters of a script without spaces, or a word. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Hangul}]{1,2}|[\p{L}\p{M}\p{N}_]+/gu

/** Information density, completeness, specificity and structure, minus what says nothing. Integers throughout. */
export function scoreQuality(view: QualityView): Quality {
  const text = view.text.slice(0, READ)
  const said = view.kind === 'code' ? text : text.replace(cues.BOILERPLATE, ' ')
  const parts: QualityPart[] = [
    { rule: 'quality.density', points: density(said) },
    { rule: 'quality.completeness', points: completeness(view, said) },
    { rule: 'quality.specificity', points: specificity(view, said) },
    { rule: 'quality.structure', points: structure(view) },
    ...penalties(view, text, said),
  ]
  const sum = parts.reduce((total, { points }) => total + points, 0)
  const cap = view.aside === 'tool' ? 20 : view.aside === 'thought' ? 30 : 100
  return { score: Math.max(0, Math.min(cap, sum)), parts: parts.filter(({ points }) => points !== 0) }
}

/** 0 to 40: how many different words there are, on a scale on which doubling adds the same, and how few repeat. */
function density(text: string): number {
  const words = text.toLowerCase().match(WORD) ?? []
  const different = new Set(words.filter((word) => word.length > 3 || !/^[a-z]+$/.test(word))).size
  if (different === 0) return 0
  const amount = Math.min(32, Math.floor((log2Fixed(different + 1) * 6) / 1024))
  const varied = Math.floor((8 * new Set(words).size) / words.length)
  return amount + (different > 3 ? varied : 0)
}

/** 0 to 20: sentences that end, code that closes, nothing that points outside. */
function completeness({ kind, text }: QualityView, said: string): number {
  const trimmed = said.trim()
  if (trimmed === '') return 0
  if (kind === 'table' || kind === 'formula' || kind === 'list') return 16
  if (kind === 'code') return isBalanced(text) ? 18 : 8
  const ends = /(?:[.!?…:)\]"'”’`*]|[。！？؟।」]|\p{Extended_Pictographic})$/u.test(trimmed) ? 12 : 6
  return ends + (cues.DANGLES.test(trimmed) ? 0 : 6)
}

/** 0 to 24: numbers, names, code spans, links, quotes: what can be checked. */
function specificity({ kind, text, language }: QualityView, said: string): number {
  if (kind === 'code') return Math.min(20, 8 + (language ? 4 : 0) + Math.min(8, text.split('\n').length))
  const head = said.slice(0, 1_500)
  const count = (pattern: RegExp, most: number) => Math.min(most, head.match(pattern)?.length ?? 0)
  const numbers = count(/(?<![\p{L}\d])\d[\d.,:/-]*/gu, 4)
  const names = count(/(?<=[\p{Ll},;] )\p{Lu}\p{L}{2,}/gu, 4)
  const codes = count(/`[^`\n]+`|\b\w+[._]\w+\b|\b[a-z]+[A-Z]\w+\b/g, 3)
  const links = count(/https?:\/\//g, 2)
  const quotes = count(/["“„«「][^"”“»」\n]{3,80}["”“»」]|\*\*[^*\n]+\*\*/g, 2)
  const ideographs = count(/[\p{Script=Han}\p{Script=Katakana}]{2,}/gu, 3)
  return Math.min(24, numbers * 3 + names * 2 + codes * 4 + links * 2 + quotes * 2 + ideographs)
}

/** 0 to 18. */
function structure({ kind, text, hasHeading }: QualityView): number {
  const heading = hasHeading ? 4 : 0
  if (kind === 'table') return 14 + heading
  if (kind === 'code' || kind === 'list') return 12 + heading
  if (kind === 'formula') return 10 + heading
  const sentences = countSentences(text.slice(0, READ))
  return heading + (sentences < 2 ? 5 : sentences < 9 ? 12 : 8)
}

function penalties(
  { text: whole, role, live, aside }: QualityView,
  text: string,
  said: string,
): QualityPart[] {
  const parts: QualityPart[] = []
  const lost = text.length - said.length
  if (lost * 4 > text.length)
    parts.push({ rule: 'quality.boilerplate', points: -Math.min(40, Math.floor((60 * lost) / text.length)) })
  if (role === 'assistant' && cues.REFUSES.test(text)) parts.push({ rule: 'quality.refusal', points: -40 })
  if (!live) parts.push({ rule: 'quality.superseded-branch', points: -25 })
  if (aside) parts.push({ rule: `quality.${aside}`, points: -10 })
  if (/(.)\1{19}/su.test(whole.slice(0, READ))) parts.push({ rule: 'quality.repetition', points: -15 })
  return parts
}

function isBalanced(code: string): boolean {
  let round = 0
  let square = 0
  let curly = 0
  for (const character of code.slice(0, READ)) {
    if (character === '(') round++
    else if (character === ')') round--
    else if (character === '[') square++
    else if (character === ']') square--
    else if (character === '{') curly++
    else if (character === '}') curly--
  }
  return code.length > READ || (round === 0 && square === 0 && curly === 0)
}
