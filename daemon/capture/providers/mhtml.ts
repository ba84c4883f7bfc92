/** Headers at the top of a file or of a part end within this many characters. */
const HEADERS_WITHIN = 16_384
const MAX_ADDRESS = 3_000

interface Headers {
  readonly values: ReadonlyMap<string, string>
  /** Where what follows them begins. */
  readonly end: number
}

/**
 * The page inside a file of the form MHTML (RFC 2557), which browsers write as "web page, single file": its first part
 * of type `text/html`, after a comment with the address as the other form of saving leaves it. Other text as it is; a
 * file that is cut off gives what is there.
 */
export function pageOf(text: string): string {
  const top = headersAt(text, 0)
  const type = top?.values.get('content-type') ?? ''
  const boundary = /^multipart\/related\b/i.test(type) ? parameter(type, 'boundary') : undefined
  if (!top || boundary === undefined) return text
  const delimiter = `--${boundary}`
  for (let at = text.indexOf(delimiter, top.end); at !== -1; ) {
    const part = headersAt(text, text.indexOf('\n', at) + 1)
    if (!part) break
    const next = text.indexOf(`\n${delimiter}`, part.end)
    if (/^text\/html\b/i.test(part.values.get('content-type') ?? '')) {
      const address = top.values.get('snapshot-content-location') ?? part.values.get('content-location')
      return noted(address) + decoded(part.values, text.slice(part.end, next === -1 ? undefined : next))
    }
    at = next === -1 ? -1 : next + 1
  }
  return text
}

/** The lines of a header, those that go on in the next one joined; undefined where there are none. */
function headersAt(text: string, start: number): Headers | undefined {
  const head = text.slice(start, start + HEADERS_WITHIN)
  const blank = /\r?\n\r?\n/.exec(head)
  if (!blank) return undefined
  const lines = head
    .slice(0, blank.index)
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
  const values = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1 || /[^\w-]/.test(line.slice(0, colon))) return undefined
    values.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim())
  }
  return { values, end: start + blank.index + blank[0].length }
}

function parameter(value: string, name: string): string | undefined {
  const found = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, 'i').exec(value)
  return (found?.[1] ?? found?.[2]) || undefined
}

function noted(address: string | undefined): string {
  const isAddress =
    address !== undefined && address.length <= MAX_ADDRESS && /^https?:\/\/[^\s>]+$/.test(address)
  return isAddress ? `<!-- saved from url=(${String(address.length).padStart(4, '0')})${address} -->\n` : ''
}

function decoded(headers: ReadonlyMap<string, string>, body: string): string {
  const encoding = headers.get('content-transfer-encoding')?.toLowerCase()
  if (encoding === 'base64') return charactersOf(headers, Buffer.from(body, 'base64'))
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replace(/=[ \t]*\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return charactersOf(headers, Buffer.from(bytes, 'latin1'))
}

function charactersOf(headers: ReadonlyMap<string, string>, bytes: Buffer): string {
  const charset = parameter(headers.get('content-type') ?? '', 'charset') ?? 'utf-8'
  try {
    return new TextDecoder(charset).decode(bytes)
  } catch {
    return bytes.toString('utf8')
  }
}
