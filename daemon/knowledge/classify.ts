import type { Role } from '../../schema/capture.ts'
import type { UnitCategory, UnitType } from '../../schema/methods/knowledge.ts'
import { isShell } from './code-language.ts'
import * as cues from './cues.ts'
import { countSentences } from './measure.ts'
import type { CutUnit } from './units.ts'

/** What the rules look at. */
export interface UnitView {
  readonly kind: CutUnit['kind']
  readonly text: string
  readonly language?: string | undefined
  readonly role: Role
  readonly aside?: CutUnit['aside'] | undefined
  /** The first said by the other side after the user's question or request. */
  readonly repliesFirst: boolean
}

export interface Classification {
  readonly type: UnitType
  readonly typeRule: string
  readonly category: UnitCategory
  readonly categoryRule: string
}

/** Rules read the beginning of a large unit: what it is shows there. */
const READ = 4_000

export function classify(view: UnitView): Classification {
  const head = view.text.length > READ ? { ...view, text: view.text.slice(0, READ) } : view
  const [type, typeRule] = typeOf(head)
  const [category, categoryRule] = categoryOf(head, type)
  return { type, typeRule: `type.${typeRule}`, category, categoryRule: `category.${categoryRule}` }
}

type Named<T> = readonly [value: T, rule: string]

/** First match wins. */
function typeOf(view: UnitView): Named<UnitType> {
  const { kind, text, aside } = view
  if (aside === 'thought') return kind === 'code' ? ['code_snippet', 'code'] : ['reasoning', 'thought']
  if (kind === 'code') return codeType(view)
  if (kind === 'table') return ['table', 'table']
  if (kind === 'formula' || /^\s*(?:\$\$|\\\[)/.test(text)) return ['formula', 'formula']
  if (kind === 'quote') return ['quote', 'quote']
  if (kind === 'reference' || isMostlyLink(text)) return ['reference', 'reference']
  if (cues.ERROR.test(text)) return ['error', 'error']
  if (aside === 'tool') return ['statement', 'tool-result']
  if (kind === 'list') return listType(text)
  return view.role === 'user' ? userType(text) : assistantType(view)
}

const COMMAND_LINE =
  /^\s*(?:[$%>#] )?(?:sudo )?(?:npm|npx|pnpm|yarn|pip3?|git|docker|kubectl|curl|wget|apt(?:-get)?|brew|cd|ls|mkdir|rm|cp|mv|cat|chmod|ssh|scp|make|cargo|go|node|python3?|systemctl|psql|sqlite3|vivimd)(?:\s|$)/

function codeType({ text, language = '' }: UnitView): Named<UnitType> {
  if (cues.ERROR.test(text)) return ['error', 'error-output']
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length <= 12 && (isShell(language) || (language === '' && COMMAND_LINE.test(text))))
    return ['command', 'shell']
  return ['code_snippet', 'code']
}

function listType(text: string): Named<UnitType> {
  if (cues.PLANS.test(text)) return ['plan', 'plan-list']
  const items = text.split('\n').filter((line) => /^\s*(?:[-+*]|\d{1,9}[.)])\s/.test(line))
  const instructs = items.filter((line) =>
    cues.INSTRUCTS.test(line.replace(/^\s*(?:[-+*]|\d+[.)])\s+(?:\[.\] )?\**/, '')),
  )
  if (items.length > 1 && instructs.length * 2 > items.length) return ['instruction', 'instruction-list']
  return ['list', 'list']
}

function userType(text: string): Named<UnitType> {
  if (endsAsQuestion(text)) return ['question', 'question-mark']
  if (cues.DECIDES.test(text)) return ['decision', 'decision']
  if (cues.INSTRUCTS.test(text)) return ['instruction', 'imperative']
  if (cues.ASKS.test(text)) return ['question', 'question-word']
  if (/[?？؟]/.test(text)) return ['question', 'question-inside']
  if (someSentence(text, cues.INSTRUCTS)) return ['instruction', 'imperative-inside']
  if (cues.PREFERS.test(text)) return ['preference', 'preference']
  if (cues.PLANS.test(text)) return ['plan', 'plan']
  if (cues.STATES_FACT.test(text)) return ['fact', 'personal-fact']
  return ['statement', 'statement']
}

function assistantType({ text, repliesFirst }: UnitView): Named<UnitType> {
  if (endsAsQuestion(text) && countSentences(text) < 3) return ['question', 'question-mark']
  if (cues.DEFINES.test(text)) return ['definition', 'definition']
  if (repliesFirst) return ['answer', 'first-reply']
  if (cues.DECIDES.test(text)) return ['decision', 'decision']
  if (cues.INSTRUCTS.test(text)) return ['instruction', 'imperative']
  if (cues.PLANS.test(text)) return ['plan', 'plan']
  if (cues.EXPLAINS.test(text) || countSentences(text) > 2) return ['explanation', 'explanation']
  return ['statement', 'statement']
}

function categoryOf({ kind, text, role, language }: UnitView, type: UnitType): Named<UnitCategory> {
  if (kind === 'code' && language !== 'markdown') return ['technical', 'code']
  if (type === 'command' || type === 'error') return ['technical', 'type']
  if (role === 'user' && (type === 'preference' || type === 'fact')) return ['personal', 'type']
  if (cues.CREATIVE.test(text)) return ['creative', 'creative-words']
  if (cues.TECHNICAL.test(text)) return ['technical', 'technical-words']
  if (type === 'plan' || (type === 'instruction' && role !== 'user')) return ['procedural', 'type']
  if (cues.PROCEDURAL.test(text)) return ['procedural', 'procedural-words']
  if (role === 'user' && (cues.STATES_FACT.test(text) || cues.PREFERS.test(text)))
    return ['personal', 'personal-words']
  return ['conceptual', 'rest']
}

function endsAsQuestion(text: string): boolean {
  return /[?？؟][\s"'”’)\]*_]*$/u.test(text)
}

function someSentence(text: string, cue: RegExp): boolean {
  return text.split(/(?<=[.!?…。！？])\s+|\n+/).some((sentence) => cue.test(sentence))
}

function isMostlyLink(text: string): boolean {
  let linked = 0
  for (const [link] of text.matchAll(/https?:\/\/[^\s<>)\]]+/g)) linked += link.length
  return linked > 0 && linked * 2 > text.length
}
