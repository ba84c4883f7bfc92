import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { byteSearch } from '../../support/byte-search.ts'

const SECRET = 'sk-Grüße-0815-vault'

describe('byteSearch', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'byte-search-'))
    mkdirSync(join(folder, 'deep', 'er'), { recursive: true })
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('finds nothing where there is nothing', () => {
    writeFileSync(join(folder, 'a.bin'), `sk-Grüße-0816-vault ${'x'.repeat(1000)}`)
    expect(byteSearch(folder, SECRET)).toEqual([])
  })

  it.each([
    ['utf8', Buffer.from(SECRET)],
    ['utf16le', Buffer.from(SECRET, 'utf16le')],
    ['utf16be', Buffer.from(SECRET, 'utf16le').swap16()],
    ['hex', Buffer.from(Buffer.from(SECRET).toString('hex'))],
  ] as const)('sees the text as %s between other bytes', (encoding, bytes) => {
    writeFileSync(
      join(folder, 'deep', 'er', 'b.bin'),
      Buffer.concat([Buffer.alloc(4097, 7), bytes, Buffer.of(9, 9)]),
    )
    expect(byteSearch(folder, SECRET)).toContainEqual({ file: 'deep/er/b.bin', encoding, offset: 4097 })
  })

  it('sees the text inside base64 of something longer, at each of the three alignments', () => {
    for (const before of ['', 'a', 'ab', 'abc']) {
      const encoded = Buffer.from(`${before}${SECRET}and more`).toString('base64')
      writeFileSync(join(folder, 'c.txt'), encoded)
      expect(byteSearch(folder, SECRET).map(({ encoding }) => encoding)).toContain('base64')
    }
  })
})
