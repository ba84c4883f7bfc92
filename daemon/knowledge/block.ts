/** A block of Markdown with its place in the source: UTF-16 offsets, `end` exclusive. */
export interface Block {
  readonly kind: 'paragraph' | 'heading' | 'code' | 'list' | 'item' | 'quote' | 'table' | 'math'
  readonly start: number
  readonly end: number
  /** Of a heading: 1 to 6, and its text. */
  readonly depth?: number
  readonly text?: string
  /** Of code: the info string's first word, the lines without fence and container marks, and where they stand. */
  readonly language?: string
  readonly value?: string
  readonly bodyStart?: number
  readonly bodyEnd?: number
  /** Of a list its items, of an item or a quote its blocks. */
  readonly children?: readonly Block[]
  /** The source was too large or too deep for the parser, and was split at blank lines. */
  readonly unparsed?: true
}

export function headingText(source: string): string {
  return source
    .replace(/^[ \t]{0,3}#{1,6}(?:[ \t]+|$)/, '')
    .replace(/[ \t]+#+[ \t]*$/, '')
    .replace(/\n[ \t]*(?:=+|-+)[ \t]*$/, '')
    .replace(/\*\*|__|`/g, '')
    .replace(/[\t\n\r ]+/g, ' ')
    .trim()
}
