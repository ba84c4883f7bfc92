import type { Block } from './block.ts'
import { splitLongText, trimmed } from './long-text.ts'
import { countSentences, estimateTokens } from './measure.ts'

/** A stretch of a part that becomes a unit, alone or joined with its neighbour. */
export interface Piece {
  readonly kind: 'text' | 'list' | 'quote' | 'table' | 'formula' | 'code'
  readonly start: number
  readonly end: number
  readonly tokens: number
  /** Headings above it, outermost first. */
  readonly headings: readonly string[]
  /** Counts the headings: pieces of different sections are never joined. */
  readonly section: number
  /** Of code. */
  readonly language?: string
  readonly value?: string
  readonly rules: readonly string[]
}

/** A paragraph, list or quote above this many tokens is split; what it is split into stays under the second. */
const MOST_TOKENS = 400
const SPLIT_TOKENS = 220
/** A list item beyond either is a unit of its own. */
const LONG_ITEM = { sentences: 2, tokens: 40 }

type PieceParts = Omit<Piece, 'headings' | 'section' | 'tokens'>

/** Turns the blocks of a part into pieces in source order, before fragments are joined. */
export class PieceCutter {
  readonly pieces: Piece[] = []
  readonly headings: { depth: number; text: string }[] = []
  readonly #source: string
  #section = 0
  #path: readonly string[] = []

  constructor(source: string) {
    this.#source = source
  }

  cut(blocks: readonly Block[]): Piece[] {
    for (const block of blocks) this.#block(block, block.start)
    return this.pieces
  }

  /** `start` may lie before the block, to take the mark of the item it opens along. */
  #block(block: Block, start: number): void {
    const { kind, end } = block
    if (kind === 'heading') this.#heading(block)
    else if (kind === 'code') this.#code(block)
    else if (kind === 'list') this.#list(block, start)
    else if (kind === 'table') this.#whole('table', start, end)
    else if (kind === 'math') this.#whole('formula', start, end)
    else if (kind === 'quote' && this.#breaksUp(block)) this.#children(block, start)
    else this.#text(kind === 'quote' ? 'quote' : 'text', start, end, block.unparsed ? ['split.unparsed'] : [])
  }

  #heading({ depth = 1, text = '' }: Block): void {
    while (this.headings.length > 0 && this.headings.at(-1)!.depth >= depth) this.headings.pop()
    this.headings.push({ depth, text })
    this.#path = this.headings.map((heading) => heading.text).filter((heading) => heading !== '')
    this.#section++
  }

  #code({ language = '', value = '', bodyStart = 0, bodyEnd = 0 }: Block): void {
    if (value.trim() === '') return
    this.#push({ kind: 'code', start: bodyStart, end: bodyEnd, language, value, rules: ['split.code'] })
  }

  #list(list: Block, start: number): void {
    const items = list.children ?? []
    const long = items.some((item) => this.#isLong(item))
    if (!long && !this.#breaksUp(list)) {
      this.#push({ kind: 'list', start, end: list.end, rules: ['split.list'] })
      return
    }
    let group: { start: number; end: number; tokens: number } | undefined
    const close = () => {
      if (group) this.#push({ kind: 'list', start: group.start, end: group.end, rules: ['split.list-items'] })
      group = undefined
    }
    for (const item of items) {
      if (this.#breaksUp(item)) {
        close()
        this.#children(item, item.start)
      } else if (long)
        this.#push({ kind: 'list', start: item.start, end: item.end, rules: ['split.list-item'] })
      else {
        const tokens = this.#tokens(item.start, item.end)
        if (group && group.tokens + tokens > SPLIT_TOKENS) close()
        group = { start: group?.start ?? item.start, end: item.end, tokens: (group?.tokens ?? 0) + tokens }
      }
    }
    close()
  }

  #isLong(item: Block): boolean {
    const text = this.#source.slice(item.start, item.end)
    return estimateTokens(text) > LONG_ITEM.tokens || countSentences(text) > LONG_ITEM.sentences
  }

  /** The first child takes the marks before it along, unless it is code. */
  #children(block: Block, start: number): void {
    const [first, ...rest] = block.children ?? []
    if (first) this.#block(flattened(first), first.kind === 'code' ? first.start : start)
    else this.#text('text', start, block.end, [])
    for (const child of rest) this.#block(flattened(child), child.start)
  }

  #text(kind: 'text' | 'quote', start: number, end: number, rules: readonly string[]): void {
    if (this.#tokens(start, end) <= MOST_TOKENS) this.#push({ kind, start, end, rules })
    else
      for (const piece of splitLongText(this.#source, start, end, SPLIT_TOKENS))
        this.#push({ kind, ...piece, rules: [...rules, 'split.long-text'] })
  }

  #whole(kind: 'table' | 'formula', start: number, end: number): void {
    this.#push({ kind, start, end, rules: [`split.${kind}`] })
  }

  /** Holds code, or is too large for one unit. */
  #breaksUp(block: Block): boolean {
    return holdsCode(block) || this.#tokens(block.start, block.end) > MOST_TOKENS
  }

  #tokens(start: number, end: number): number {
    return estimateTokens(this.#source.slice(start, end))
  }

  #push(parts: PieceParts): void {
    const { start, end } = parts.kind === 'code' ? parts : trimmed(this.#source, parts)
    if (end <= start) return
    this.pieces.push({
      ...parts,
      start,
      end,
      tokens: this.#tokens(start, end),
      headings: this.#path,
      section: this.#section,
    })
  }
}

export function holdsCode(block: Block): boolean {
  return block.kind === 'code' || (block.children?.some(holdsCode) ?? false)
}

/** Inside an item or a quote a heading is a line of text. */
function flattened(block: Block): Block {
  return block.kind === 'heading' ? { kind: 'paragraph', start: block.start, end: block.end } : block
}
