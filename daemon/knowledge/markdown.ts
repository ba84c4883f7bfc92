import { type Block, headingText } from './block.ts'
import { parseMarkdown } from './markdown-parser.ts'

/** Larger or deeper regions are split at blank lines instead: the parser's time grows faster than their size. */
const LARGEST_REGION = 64 * 1024
const DEEPEST = /^(?:[ \t]*(?:[>*+-]|\d{1,9}[.)])[ \t]?){16}/m

const BLANK = /^[ \t]*$/
const HEADING = /^ {0,3}#{1,6}(?:[ \t]|$)/
const FENCE = /^(?:(`{3,})([^`]*)|(~{3,})(.*))$/
/** A line that may begin something else than a paragraph, or change what the lines above it are. */
const SPECIAL =
  /^(?: {4}| {0,3}\t| {0,3}(?:[>|<]|\$\$|[-+*](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$)|\[[^\]]*\]:|`{3}|~{3}|={1,}[ \t]*$|(?:[-*_][ \t]*){3,}$|-+[ \t]*$|[|:-][|: \t-]*$))/
/** Begins a region whose end blank lines do not tell: HTML and math may go on past them. */
const OPEN_ENDED = /^ {0,3}(?:<|\$\$)|^ {1,3}(?:`{3}|~{3})/

interface Line {
  readonly start: number
  /** Without the line end. */
  readonly end: number
  readonly text: string
}

/**
 * The blocks of a Markdown text in source order. Paragraphs, headings and fenced code at the margin, most of any
 * chat, are read directly; every stretch with anything else goes through the parser. The result is the parser's.
 */
export function blocksOf(source: string): Block[] {
  const lines = linesOf(source)
  const blocks: Block[] = []
  let at = 0
  while (at < lines.length) {
    const line = lines[at]!
    if (BLANK.test(line.text)) at++
    else if (HEADING.test(line.text)) {
      blocks.push(headingAt(source, line))
      at++
    } else if (FENCE.test(line.text)) at = readFence(source, lines, at, blocks)
    else at = readParagraph(lines, at, blocks) ?? readRegion(source, lines, at, blocks)
  }
  return blocks
}

/** Splits at blank lines, keeping fenced code whole: what is left when a text is too large to parse. */
function splitAtBlankLines(source: string, lines: readonly Line[]): Block[] {
  const blocks: Block[] = []
  for (let at = 0; at < lines.length; ) {
    if (BLANK.test(lines[at]!.text)) at++
    else if (FENCE.test(lines[at]!.text)) at = readFence(source, lines, at, blocks)
    else {
      const first = at
      while (at < lines.length && !BLANK.test(lines[at]!.text) && !FENCE.test(lines[at]!.text)) at++
      blocks.push({ kind: 'paragraph', start: lines[first]!.start, end: lines[at - 1]!.end, unparsed: true })
    }
  }
  return blocks
}

function linesOf(source: string): Line[] {
  const lines: Line[] = []
  let start = 0
  for (const { index, 0: lineEnd } of source.matchAll(/\r\n|\n|\r/g)) {
    lines.push({ start, end: index, text: source.slice(start, index) })
    start = index + lineEnd.length
  }
  if (start < source.length) lines.push({ start, end: source.length, text: source.slice(start) })
  return lines
}

function headingAt(source: string, { start, end, text }: Line): Block {
  const from = start + text.search(/#/)
  const to = start + text.trimEnd().length
  return {
    kind: 'heading',
    start: from,
    end: Math.min(to, end),
    depth: /#+/.exec(text)![0].length,
    text: headingText(source.slice(from, to)),
  }
}

/** Fenced code at the margin; answers the line after it. Without a closing fence it goes to the end. */
function readFence(source: string, lines: readonly Line[], first: number, blocks: Block[]): number {
  const opening = FENCE.exec(lines[first]!.text)!
  const fence = (opening[1] ?? opening[3])!
  const closing = new RegExp(`^ {0,3}\\${fence[0]}{${fence.length},}[ \\t]*$`)
  let last = first + 1
  while (last < lines.length && !closing.test(lines[last]!.text)) last++
  const start = lines[first]!.start
  const closed = last < lines.length
  const end = closed ? lines[last]!.start + lines[last]!.text.trimEnd().length : source.length
  const body = lines.slice(first + 1, last).map(({ text }) => text)
  const bodyStart = lines[first + 1]?.start ?? end
  blocks.push({
    kind: 'code',
    start,
    end,
    language: (opening[2] ?? opening[4])!.trim().split(/[ \t]/)[0]!,
    value: body.join('\n'),
    bodyStart: Math.min(bodyStart, end),
    bodyEnd: closed ? Math.max(Math.min(bodyStart, end), lines[last - 1]!.end) : end,
  })
  return closed ? last + 1 : last
}

/** A paragraph of plain lines; answers the line after it, or undefined when one of its lines may be more. */
function readParagraph(lines: readonly Line[], first: number, blocks: Block[]): number | undefined {
  let at = first
  for (; at < lines.length; at++) {
    const { text } = lines[at]!
    if (BLANK.test(text) || HEADING.test(text) || FENCE.test(text)) break
    if (SPECIAL.test(text)) return undefined
  }
  const start = lines[first]!.start + lines[first]!.text.search(/[^ \t]/)
  const last = lines[at - 1]!
  blocks.push({ kind: 'paragraph', start, end: last.start + last.text.replace(/[ \t]+$/, '').length })
  return at
}

/**
 * A stretch for the parser: to the first plain line at the margin after a blank one, which ends every list, quote
 * and indented block. HTML and math may go on past blank lines, so with them it goes to the end of the text.
 */
function readRegion(source: string, lines: readonly Line[], first: number, blocks: Block[]): number {
  let end = first
  let openEnded = false
  for (; end < lines.length; end++) {
    const { text } = lines[end]!
    openEnded ||= OPEN_ENDED.test(text)
    if (openEnded || end === first) continue
    if (FENCE.test(text)) break
    const afterBlank = BLANK.test(lines[end - 1]!.text)
    if (afterBlank && /^[^ \t]/.test(text) && !SPECIAL.test(text)) break
  }
  const from = lines[first]!.start
  const to = lines[end]?.start ?? source.length
  const region = source.slice(from, to)
  const blocksThere =
    region.length > LARGEST_REGION || DEEPEST.test(region)
      ? splitAtBlankLines(source, lines.slice(first, end))
      : parseMarkdown(region).map((block) => moved(block, from))
  for (const block of blocksThere) blocks.push(block)
  return end
}

function moved(block: Block, by: number): Block {
  return {
    ...block,
    start: block.start + by,
    end: block.end + by,
    ...(block.bodyStart === undefined
      ? {}
      : { bodyStart: block.bodyStart + by, bodyEnd: block.bodyEnd! + by }),
    ...(block.children ? { children: block.children.map((child) => moved(child, by)) } : {}),
  }
}
