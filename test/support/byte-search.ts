import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export type Encoding = 'utf8' | 'utf16le' | 'utf16be' | 'base64' | 'base64url' | 'hex'

const ALL: readonly Encoding[] = ['utf8', 'utf16le', 'utf16be', 'base64', 'base64url', 'hex']

export interface Found {
  /** Relative to the folder searched. */
  file: string
  encoding: Encoding
  offset: number
}

/** Every place where `needle` stands in any file below `folder`, in any of the encodings; links are not followed. */
export function byteSearch(folder: string, needle: string, encodings: readonly Encoding[] = ALL): Found[] {
  if (needle.length < 4) throw new RangeError('a needle below 4 characters would be found by chance')
  const patterns = encodings.flatMap((encoding) =>
    formsOf(needle, encoding).map((bytes) => ({ encoding, bytes })),
  )
  return filesBelow(folder).flatMap((file) => {
    const content = readFileSync(file)
    return patterns.flatMap(({ encoding, bytes }) => {
      const offset = content.indexOf(bytes)
      return offset === -1 ? [] : [{ file: relative(folder, file), encoding, offset }]
    })
  })
}

function formsOf(needle: string, encoding: Encoding): Buffer[] {
  if (encoding === 'utf16be') return [Buffer.from(needle, 'utf16le').swap16()]
  if (encoding === 'base64' || encoding === 'base64url') return base64Forms(needle, encoding)
  if (encoding === 'hex') {
    const hex = Buffer.from(needle).toString('hex')
    return [Buffer.from(hex), Buffer.from(hex.toUpperCase())]
  }
  return [Buffer.from(needle, encoding)]
}

/** Base64 of a text depends on where it begins, modulo 3; only characters no neighbour can change are searched. */
function base64Forms(needle: string, encoding: 'base64' | 'base64url'): Buffer[] {
  const bytes = Buffer.from(needle)
  return [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString(encoding)
      .replaceAll('=', '')
    const from = Math.ceil((shift * 8) / 6)
    const to = Math.floor(((shift + bytes.length) * 8) / 6)
    const stable = encoded.slice(from, to)
    return stable.length < 4 ? [] : [Buffer.from(stable)]
  })
}

export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return filesBelow(path)
    return entry.isFile() ? [path] : []
  })
}
