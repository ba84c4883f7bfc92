import { createRequire } from 'node:module'
import type { Nodes, Parent } from 'mdast'
import { fromMarkdown, type Options } from 'mdast-util-from-markdown'
import { gfmFromMarkdown } from 'mdast-util-gfm'
import { mathFromMarkdown } from 'mdast-util-math'
import { gfm } from 'micromark-extension-gfm'
import { type Block, headingText } from './block.ts'

/** Only blocks are asked for: without the constructs inside a line the parser runs three times as fast. */
const INLINE_CONSTRUCTS = [
  'attention',
  'autolink',
  'characterEscape',
  'characterReference',
  'codeText',
  'hardBreakEscape',
  'htmlText',
  'labelEnd',
  'labelStartImage',
  'labelStartLink',
  'mathText',
  'wwwAutolink',
  'protocolAutolink',
  'emailAutolink',
  'strikethrough',
  'gfmFootnoteCall',
]

const OPTIONS: Options = {
  extensions: [gfm(), { disable: { null: INLINE_CONSTRUCTS } }],
  // The first of them looks for links in text.
  mdastExtensions: [gfmFromMarkdown().slice(1)],
}

let optionsWithMath: Options | undefined

/** The math extension brings a typesetter of 5 MB along, so it is loaded for the first text with a `$$` in it. */
function withMath(): Options {
  if (!optionsWithMath) {
    const require = createRequire(import.meta.url)
    const { math } = require('micromark-extension-math') as typeof import('micromark-extension-math')
    optionsWithMath = {
      extensions: [gfm(), math(), { disable: { null: INLINE_CONSTRUCTS } }],
      mdastExtensions: [gfmFromMarkdown().slice(1), mathFromMarkdown()],
    }
  }
  return optionsWithMath
}

/** Top-level blocks of CommonMark with GFM tables, task lists and footnotes, and `$$` math. */
export function parseMarkdown(source: string): Block[] {
  return blocksIn(fromMarkdown(source, source.includes('$$') ? withMath() : OPTIONS), source)
}

function blocksIn(parent: Parent, source: string): Block[] {
  return parent.children.flatMap((node) => blockOf(node, source) ?? [])
}

function blockOf(node: Nodes, source: string): Block | undefined {
  const start = node.position?.start.offset ?? 0
  const nodeEnd = node.position?.end.offset ?? start
  const end = node.type === 'code' ? nodeEnd : trimmedEnd(source, start, nodeEnd)
  switch (node.type) {
    case 'thematicBreak':
      return undefined
    case 'heading':
      return { kind: 'heading', start, end, depth: node.depth, text: headingText(source.slice(start, end)) }
    case 'code':
      return {
        kind: 'code',
        start,
        end,
        language: node.lang ?? '',
        value: node.value,
        ...bodyOf(source, start, end),
      }
    case 'list':
      return { kind: 'list', start, end, children: blocksIn(node, source) }
    case 'listItem':
      return { kind: 'item', start, end, children: blocksIn(node, source) }
    case 'blockquote':
      return { kind: 'quote', start, end, children: blocksIn(node, source) }
    case 'table':
      return { kind: 'table', start, end }
    case 'math':
      return { kind: 'math', start, end }
    default:
      return { kind: 'paragraph', start, end }
  }
}

/** Where a block ends without the blanks and line ends after it. */
function trimmedEnd(source: string, start: number, end: number): number {
  let at = end
  while (at > start && ' \t\r\n'.includes(source[at - 1]!)) at--
  return at
}

/** The lines between the fences; of indented code all of it. */
export function bodyOf(source: string, start: number, end: number): { bodyStart: number; bodyEnd: number } {
  const written = source.slice(start, end)
  const fence = /^(`{3,}|~{3,})/.exec(written)?.[0]
  if (!fence) return { bodyStart: start, bodyEnd: end }
  const first = written.indexOf('\n')
  if (first === -1) return { bodyStart: end, bodyEnd: end }
  const last = written.lastIndexOf('\n')
  const closing = written.slice(last + 1).replace(/^[ \t>]*/, '')
  const closed = last >= first && closing.startsWith(fence) && /^(`+|~+)[ \t\r]*$/.test(closing)
  return {
    bodyStart: start + first + 1,
    bodyEnd: closed
      ? Math.max(start + first + 1, start + written.slice(0, last).replace(/\r$/, '').length)
      : end,
  }
}
