import type { Part, Role } from '../../schema/capture.ts'
import { normalLanguage } from './code-language.ts'
import { splitLongText, trimmed } from './long-text.ts'
import { blocksOf } from './markdown.ts'
import { estimateTokens } from './measure.ts'
import { holdsCode, type Piece, PieceCutter } from './pieces.ts'

/** A unit before it has a type: what it is made of and where it stands in its part's content. */
export interface CutUnit {
  readonly kind: Piece['kind'] | 'reference'
  /** UTF-16 offsets into the part's content. Of code: the lines without the fences. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** Of code, under its normal name; '' when unknown. */
  readonly language?: string
  readonly headings: readonly string[]
  /** What was made by a tool or thought, not said. */
  readonly aside?: 'thought' | 'tool'
  readonly rules: readonly string[]
}

/** Fewer tokens do not stand alone. */
const FRAGMENT_TOKENS = 12
/** A turn of the user's up to this long is one unit. */
const USER_TURN_TOKENS = 220
const JOINED_TOKENS = 400
/** What a tool printed is kept in the message; units are made of its beginning. */
const TOOL_RESULT_CHARACTERS = 16_384

/** The units of one part, in source order. */
export function unitsOfPart(part: Part, role: Role): CutUnit[] {
  const { type, content } = part
  switch (type) {
    case 'text':
      return proseUnits(content, role)
    case 'thought':
      return proseUnits(content, 'assistant').map((unit) => ({ ...unit, aside: 'thought' as const }))
    case 'tool_result':
      return toolUnits(content)
    case 'code':
      return wholeUnit(content, 'code', normalLanguage(part.language))
    case 'mermaid':
      return wholeUnit(content, 'code', 'mermaid')
    case 'table':
      return wholeUnit(content, 'table')
    case 'latex':
      return wholeUnit(content, 'formula')
    case 'image':
      return captionUnits(part, ['alt', 'caption'], 'text')
    case 'file':
      return content.trim() === ''
        ? captionUnits(part, ['name', 'fileName', 'filename', 'title'], 'reference')
        : proseUnits(content, 'tool').map((unit) => ({ ...unit, aside: 'tool' as const }))
    case 'tool_call':
    case 'citation':
      return []
  }
}

function proseUnits(content: string, role: Role): CutUnit[] {
  const blocks = blocksOf(content)
  const all = trimmed(content, { start: 0, end: content.length })
  if (all.end === all.start) return []
  const text = content.slice(all.start, all.end)
  if (role === 'user' && !blocks.some(holdsCode) && estimateTokens(text) <= USER_TURN_TOKENS)
    return [{ kind: kindOfTurn(blocks), ...all, text, headings: [], rules: ['split.user-turn'] }]
  const pieces = joinFragments(new PieceCutter(content).cut(blocks), content)
  if (pieces.length === 0 && blocks.some(({ kind }) => kind === 'heading'))
    return [{ kind: 'text', ...all, text, headings: [], rules: ['split.headings-only'] }]
  return pieces.map((piece) => unitOf(piece, content))
}

function kindOfTurn(blocks: readonly { kind: string }[]): CutUnit['kind'] {
  if (blocks.length !== 1) return 'text'
  const kinds: Record<string, CutUnit['kind']> = {
    list: 'list',
    table: 'table',
    math: 'formula',
    quote: 'quote',
  }
  return kinds[blocks[0]!.kind] ?? 'text'
}

function unitOf(piece: Piece, content: string): CutUnit {
  return {
    kind: piece.kind,
    start: piece.start,
    end: piece.end,
    text: piece.value ?? content.slice(piece.start, piece.end),
    ...(piece.kind === 'code' ? { language: normalLanguage(piece.language) } : {}),
    headings: piece.headings,
    rules: piece.rules,
  }
}

/** A fragment joins what it introduces when it ends in a colon, else what it follows, else what follows it. */
function joinFragments(pieces: readonly Piece[], content: string): Piece[] {
  const joined: Piece[] = []
  for (const next of pieces) {
    const last = joined.at(-1)
    const introduces = last !== undefined && isFragment(last) && fits(last, next)
    const followsOn =
      last !== undefined && isFragment(next) && fits(last, next) && !endsInColon(next, content)
    if (introduces || followsOn) joined[joined.length - 1] = join(last, next)
    else joined.push(next)
  }
  return joinLoneColons(joined, content)
}

/** A fragment with a colon that introduced nothing it could join, code for one, goes to what it follows. */
function joinLoneColons(pieces: readonly Piece[], content: string): Piece[] {
  const joined: Piece[] = []
  for (const piece of pieces) {
    const last = joined.at(-1)
    if (last && isFragment(piece) && endsInColon(piece, content) && fits(last, piece))
      joined[joined.length - 1] = join(last, piece)
    else joined.push(piece)
  }
  return joined
}

function isFragment({ kind, tokens }: Piece): boolean {
  return (kind === 'text' || kind === 'list') && tokens < FRAGMENT_TOKENS
}

function fits(a: Piece, b: Piece): boolean {
  const joinable = (piece: Piece) => piece.kind === 'text' || piece.kind === 'list'
  return joinable(a) && joinable(b) && a.section === b.section && a.tokens + b.tokens <= JOINED_TOKENS
}

function endsInColon({ end }: Piece, content: string): boolean {
  return /[:：]/.test(content[end - 1]!) || /[:：]\*{1,2}$/.test(content.slice(Math.max(0, end - 4), end))
}

function join(a: Piece, b: Piece): Piece {
  return {
    ...a,
    kind: a.kind === 'list' || b.kind === 'list' ? 'list' : 'text',
    end: b.end,
    tokens: a.tokens + b.tokens,
    rules: [...new Set([...a.rules, ...b.rules, 'split.join-fragment'])],
  }
}

function wholeUnit(content: string, kind: 'code' | 'table' | 'formula', language?: string): CutUnit[] {
  const span =
    kind === 'code' ? { start: 0, end: content.length } : trimmed(content, { start: 0, end: content.length })
  if (content.trim() === '') return []
  return [
    {
      kind,
      ...span,
      text: content.slice(span.start, span.end),
      ...(language === undefined ? {} : { language }),
      headings: [],
      rules: [`split.${kind}-part`],
    },
  ]
}

/** Its text stands in metadata, so the place is the part itself. */
function captionUnits(part: Part, keys: readonly string[], kind: 'text' | 'reference'): CutUnit[] {
  const text = keys
    .map((key) => part.metadata?.[key])
    .find((value) => typeof value === 'string' && value.trim() !== '')
  if (typeof text !== 'string') return []
  return [{ kind, start: 0, end: 0, text, headings: [], rules: [`split.${part.type}-caption`] }]
}

/** Output that reads as text; records for programs are left to the message. */
function toolUnits(content: string): CutUnit[] {
  if (/^\s*(?:[[{<]|$)/.test(content)) return []
  const end = Math.min(content.length, TOOL_RESULT_CHARACTERS)
  const capped = end < content.length ? ['split.tool-cap'] : []
  return splitLongText(content, 0, end, USER_TURN_TOKENS).map((span) => ({
    kind: 'text' as const,
    ...span,
    text: content.slice(span.start, span.end),
    headings: [],
    aside: 'tool' as const,
    rules: ['split.tool-result', ...capped],
  }))
}
