import type { Part, Role } from '../../schema/capture.ts'
import type { UnitCategory, UnitType } from '../../schema/methods/knowledge.ts'
import { classify } from './classify.ts'
import { canonicalContent, type UnitClass, unitId } from './ids.ts'
import { scoreQuality } from './quality.ts'
import { detectSpans, type LevelSpan, maskSpans } from './security/levels.ts'
import { sensitivityOf } from './security/sensitivity.ts'
import { type CutUnit, unitsOfPart } from './units.ts'

/** Grows when the rules change what they make of the same messages; a vault of another version derives again. */
export const EXTRACTOR_VERSION = 1

/** A rule that fired and what it did: `type.question` → `question`, `quality.density` → `+21`. */
export interface FiredRule {
  readonly rule: string
  readonly effect: string
}

/** One extracted unit at its place. */
export interface GeneratedUnit {
  readonly id: string
  readonly class: UnitClass
  /** Canonical; no text of level 5. */
  readonly content: string
  readonly language: string | null
  readonly part: number
  readonly start: number
  readonly end: number
  readonly heading: string | null
  /** Whose words they are: a thought is the assistant's and a tool's output the tool's, wherever they stand. */
  readonly role: Role
  readonly type: UnitType
  readonly category: UnitCategory
  readonly quality: number
  readonly securityLevel: number
  readonly spans: readonly LevelSpan[]
  readonly rules: readonly FiredRule[]
  /** Thoughts and output of tools: kept, but no turn of the talk. */
  readonly aside: boolean
}

export interface MessageView {
  readonly role: Role
  readonly parts: readonly Part[]
  readonly live: boolean
  /** The message is the first to answer the user's question or request. */
  readonly repliesFirst: boolean
}

/** The Atomic Chat Units of a message, in source order. */
export function generateUnits(message: MessageView): GeneratedUnit[] {
  const units: GeneratedUnit[] = []
  let repliesFirst = message.repliesFirst
  message.parts.forEach((part, index) => {
    for (const cut of unitsOfPart(part, message.role)) {
      const unit = generateUnit(cut, index, message, repliesFirst && !cut.aside)
      if (!unit) continue
      units.push(unit)
      if (!unit.aside) repliesFirst = false
    }
  })
  return units
}

function generateUnit(
  cut: CutUnit,
  part: number,
  { role: said, live }: MessageView,
  repliesFirst: boolean,
): GeneratedUnit | undefined {
  const unitClass: UnitClass = cut.kind === 'code' ? `code:${cut.language ?? ''}` : 'text'
  const { content, spans, hidden } = safeContent(unitClass, cut.text)
  if (content.trim() === '') return undefined
  const role = cut.aside === 'thought' ? 'assistant' : cut.aside === 'tool' ? 'tool' : said
  // Rules read the source with its lines; nothing of it is kept but their names.
  const text = unitClass === 'text' ? cut.text : content
  const view = { kind: cut.kind, text, language: cut.language, role, aside: cut.aside, repliesFirst }
  const { type, typeRule, category, categoryRule } = classify(view)
  const quality = scoreQuality({ ...view, hasHeading: cut.headings.length > 0, live })
  const sensitivity = cut.kind === 'code' ? GENERAL : sensitivityOf(text, role === 'user')
  return {
    id: unitId(unitClass, content),
    class: unitClass,
    content,
    language: cut.kind === 'code' && cut.language ? cut.language : null,
    part,
    start: cut.start,
    end: cut.end,
    heading: cut.headings.length > 0 ? cut.headings.join(' > ') : null,
    role,
    type,
    category,
    quality: quality.score,
    securityLevel: Math.max(sensitivity.level, hidden ? 5 : 0, ...spans.map(({ level }) => level)),
    spans: spans.map(({ start, end, level, kind }) => ({ start, end, level, kind })),
    rules: [
      ...cut.rules.map((rule) => ({ rule, effect: 'boundary' })),
      { rule: typeRule, effect: type },
      { rule: categoryRule, effect: category },
      ...quality.parts.map(({ rule, points }) => ({ rule, effect: points > 0 ? `+${points}` : `${points}` })),
      { rule: sensitivity.rule, effect: `level ${sensitivity.level}` },
      ...spans.map(({ rule, level }) => ({ rule, effect: `level ${level}` })),
      ...(hidden ? [{ rule: 'security.folded-secret', effect: 'level 5' }] : []),
    ],
    aside: cut.aside !== undefined,
  }
}

const GENERAL = { level: 1, rule: 'security.general' } as const

/**
 * The canonical content with its spans. Folding line ends can bring a secret together that capture could not see;
 * it is hidden here, so that no index ever holds it.
 */
function safeContent(unitClass: UnitClass, written: string) {
  const content = canonicalContent(unitClass, written)
  const spans = detectSpans(content)
  const open = spans.filter(({ level, start }) => level === 5 && !content.startsWith('⟦', start))
  if (open.length === 0) return { content, spans, hidden: false }
  const safe = maskSpans(content, open, 4)
  return { content: safe, spans: detectSpans(safe), hidden: true }
}
