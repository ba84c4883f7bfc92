import { decodeEntities } from './html-entities.ts'
import { attributeOf, type HtmlToken, htmlTokens } from './html-tokens.ts'

const BLOCKS = new Set([
  'p',
  'div',
  'section',
  'article',
  'ul',
  'ol',
  'table',
  'blockquote',
  'pre',
  'hr',
  'dl',
  'figure',
])
const SILENT = new Set(['script', 'style', 'svg', 'template', 'noscript', 'title', 'button', 'textarea'])
const MARKS: ReadonlyMap<string, string> = new Map([
  ['b', '**'],
  ['strong', '**'],
  ['i', '*'],
  ['em', '*'],
  ['del', '~~'],
  ['s', '~~'],
])
/** Nesting beyond this says nothing. */
const MAX_LISTS = 20

/** The words of a piece of HTML as Markdown: headings, lists, tables, code, links and emphasis stay. One pass, no recursion. */
export function htmlMarkdown(html: string, from = 0, to = html.length): string {
  const writer = new MarkdownWriter()
  for (const token of htmlTokens(html, from, to)) writer.take(token)
  return writer.text()
}

class MarkdownWriter {
  #out = ''
  #lists: { ordered: boolean; number: number }[] = []
  #quotes = 0
  #pre = 0
  #silent: string | undefined
  #links: (string | undefined)[] = []
  #cells = 0
  #headRow = false

  text(): string {
    return this.#out
      .replace(/[ \t]+\n/g, '\n')
      .replace(/\n{3,}/g, '\n\n')
      .trim()
  }

  take(token: HtmlToken): void {
    if (this.#silent !== undefined) {
      if (token.kind === 'close' && token.name === this.#silent) this.#silent = undefined
      return
    }
    if (token.kind === 'text') this.#say(token.text)
    else if (token.kind === 'open') this.#open(token.name, token.attributes)
    else this.#close(token.name)
  }

  #say(source: string): void {
    const text = decodeEntities(source)
    if (this.#pre > 0) this.#out += text
    else {
      const words = text.replace(/[\s\u00a0]+/g, ' ')
      this.#out += /\s$/.test(this.#out) || this.#out === '' ? words.trimStart() : words
    }
  }

  #open(name: string, attributes: string): void {
    if (SILENT.has(name)) {
      if (!attributes.endsWith('/')) this.#silent = name
      return
    }
    if (/^h[1-6]$/.test(name)) {
      this.#block(`${'#'.repeat(Number(name[1]))} `)
      return
    }
    const mark = MARKS.get(name)
    if (mark !== undefined) {
      if (this.#pre === 0) this.#out += mark
      return
    }
    switch (name) {
      case 'br':
        this.#out += this.#pre > 0 ? '\n' : `\n${this.#margin()}`
        return
      case 'hr':
        this.#block('---\n')
        return
      case 'ul':
      case 'ol':
        if (this.#lists.length === 0) this.#block('')
        if (this.#lists.length < MAX_LISTS) this.#lists.push({ ordered: name === 'ol', number: 0 })
        return
      case 'li':
        this.#item()
        return
      case 'blockquote':
        this.#quotes++
        this.#block('')
        return
      case 'pre':
        this.#block(`\`\`\`${this.#pre > 0 ? '' : languageOf(attributes)}\n`)
        this.#pre++
        return
      case 'code':
        if (this.#pre === 0) this.#out += '`'
        else if (this.#out.endsWith('```\n'))
          this.#out = `${this.#out.slice(0, -1)}${languageOf(attributes)}\n`
        return
      case 'a':
        this.#links.push(attributeOf(attributes, 'href'))
        this.#out += '['
        return
      case 'img': {
        const alt = attributeOf(attributes, 'alt') ?? ''
        const source = attributeOf(attributes, 'src') ?? ''
        this.#out += source.startsWith('data:') ? `![${alt}]()` : `![${alt}](${source})`
        return
      }
      case 'tr':
        this.#cells = 0
        this.#headRow = false
        this.#line('')
        return
      case 'th':
      case 'td':
        this.#headRow ||= name === 'th'
        this.#out += this.#cells++ === 0 ? '| ' : ' | '
        return
    }
    if (BLOCKS.has(name) && this.#cells === 0) this.#block('')
  }

  #close(name: string): void {
    if (/^h[1-6]$/.test(name)) {
      this.#block('')
      return
    }
    const mark = MARKS.get(name)
    if (mark !== undefined) {
      if (this.#pre === 0) this.#out += mark
      return
    }
    switch (name) {
      case 'ul':
      case 'ol':
        this.#lists.pop()
        if (this.#lists.length === 0) this.#block('')
        return
      case 'blockquote':
        this.#quotes = Math.max(0, this.#quotes - 1)
        this.#block('')
        return
      case 'pre':
        if (this.#pre === 0) return
        this.#pre--
        this.#out += `${this.#out.endsWith('\n') ? '' : '\n'}\`\`\`\n\n`
        return
      case 'code':
        if (this.#pre === 0) this.#out += '`'
        return
      case 'a': {
        const href = this.#links.pop()
        this.#out += href === undefined ? ']()' : `](${href})`
        return
      }
      case 'tr':
        if (this.#cells > 0) this.#out += ' |'
        if (this.#headRow) this.#out += `\n|${' --- |'.repeat(this.#cells)}`
        this.#cells = 0
        this.#headRow = false
        return
      case 'table':
        this.#cells = 0
        this.#block('')
        return
    }
    if (BLOCKS.has(name) && this.#cells === 0) this.#block('')
  }

  #item(): void {
    const list = this.#lists.at(-1)
    if (list) list.number++
    const indent = '  '.repeat(Math.max(0, this.#lists.length - 1))
    this.#line(`${indent}${list?.ordered ? `${list.number}. ` : '- '}`)
  }

  #margin(): string {
    return '> '.repeat(this.#quotes)
  }

  #line(start: string): void {
    if (this.#out !== '' && !this.#out.endsWith('\n')) this.#out += '\n'
    this.#out += this.#margin() + start
  }

  #block(start: string): void {
    // Inside a list item what follows stays on its line.
    if (this.#lists.length > 0 && start === '' && this.#quotes === 0) return
    if (this.#out !== '' && !this.#out.endsWith('\n\n')) this.#out += this.#out.endsWith('\n') ? '\n' : '\n\n'
    this.#out += this.#margin() + start
  }
}

function languageOf(attributes: string): string {
  return (
    /(?:language|lang|highlight)-([\w+#.-]{1,30})/.exec(attributeOf(attributes, 'class') ?? '')?.[1] ?? ''
  )
}
