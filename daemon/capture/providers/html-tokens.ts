import { decodeEntities } from './html-entities.ts'

export type HtmlToken =
  | { readonly kind: 'text'; readonly text: string; readonly at: number }
  | {
      readonly kind: 'open' | 'close'
      /** Lower case. */
      readonly name: string
      readonly attributes: string
      readonly at: number
      readonly end: number
    }

const RAW = new Set(['script', 'style', 'textarea', 'title', 'noscript', 'template', 'svg'])

/** Tags and text of a page in order: what browsers forgive is forgiven. Script, style and the like come as one text. */
export function* htmlTokens(html: string, from = 0, to = html.length): Generator<HtmlToken> {
  let at = from
  while (at < to) {
    const open = html.indexOf('<', at)
    const textEnd = open === -1 || open >= to ? to : open
    if (textEnd > at) yield { kind: 'text', text: html.slice(at, textEnd), at }
    if (textEnd === to) return
    if (html.startsWith('<!--', open)) {
      const end = html.indexOf('-->', open + 4)
      at = end === -1 ? to : end + 3
      continue
    }
    const end = tagEnd(html, open, to)
    const match = /^<(\/?)([a-zA-Z][a-zA-Z0-9-]*)/.exec(html.slice(open, open + 60))
    if (!match || end === -1) {
      yield { kind: 'text', text: '<', at: open }
      at = open + 1
      if (/^<[!?]/.test(html.slice(open, open + 2)) && end !== -1) at = end + 1
      continue
    }
    const name = match[2]!.toLowerCase()
    const attributes = html.slice(open + match[0].length, end)
    at = end + 1
    yield { kind: match[1] ? 'close' : 'open', name, attributes, at: open, end: at }
    if (match[1] || !RAW.has(name) || attributes.endsWith('/')) continue
    const close = closing(html, name, at, to)
    if (close > at) yield { kind: 'text', text: html.slice(at, close), at }
    at = close
  }
}

/** The `>` of a tag; those in quoted attributes do not count. */
function tagEnd(html: string, open: number, to: number): number {
  let quote = ''
  // No tag is longer: a quote nobody closed must not swallow the page.
  const limit = Math.min(to, open + 1_000_000)
  for (let at = open + 1; at < limit; at++) {
    const char = html[at]!
    if (quote !== '') {
      if (char === quote) quote = ''
    } else if ((char === '"' || char === "'") && html[at - 1] === '=') quote = char
    else if (char === '>') return at
  }
  return -1
}

function closing(html: string, name: string, from: number, to: number): number {
  const tag = `</${name}`
  for (let at = html.indexOf('</', from); at !== -1 && at < to; at = html.indexOf('</', at + 2))
    if (html.slice(at, at + tag.length).toLowerCase() === tag) return at
  return to
}

/** The value of an attribute, decoded. */
export function attributeOf(attributes: string, name: string): string | undefined {
  const match = new RegExp(`(?:^|\\s)${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s"'>]+))`, 'i').exec(
    attributes,
  )
  const value = match?.[1] ?? match?.[2] ?? match?.[3]
  return value === undefined ? undefined : decodeEntities(value)
}

export function hasClass(attributes: string, name: string): boolean {
  return (attributeOf(attributes, 'class') ?? '').split(/\s+/).includes(name)
}
