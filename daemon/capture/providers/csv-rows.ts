/** Rows of a table by RFC 4180: quoted fields may hold line breaks, commas and doubled quotes. Never throws. */
export function* csvRows(text: string): Generator<{ fields: string[]; start: number; end: number }> {
  let fields: string[] = []
  let start = 0
  let at = 0
  while (at < text.length) {
    const { value, end } = field(text, at)
    fields.push(value)
    at = end
    if (text[at] === ',') {
      at++
      if (at < text.length) continue
      fields.push('')
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    yield { fields, start, end: at }
    fields = []
    start = at
  }
}

function field(text: string, at: number): { value: string; end: number } {
  if (text[at] !== '"') {
    const end = endOfPlain(text, at)
    return { value: text.slice(at, end), end }
  }
  let value = ''
  let from = at + 1
  for (;;) {
    const quote = text.indexOf('"', from)
    if (quote === -1) return { value: value + text.slice(from), end: text.length }
    value += text.slice(from, quote)
    if (text[quote + 1] !== '"') {
      // What stands between the quote and the comma belongs to nobody's format; it is kept.
      const end = endOfPlain(text, quote + 1)
      return { value: value + text.slice(quote + 1, end), end }
    }
    value += '"'
    from = quote + 2
  }
}

function endOfPlain(text: string, from: number): number {
  let end = from
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++
  return end
}
