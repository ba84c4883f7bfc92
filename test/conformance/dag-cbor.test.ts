import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { describeShared } from '../support/shared.ts'

/** What a link begins with. */
const TAG_42 = Buffer.from('d82a', 'hex')

describeShared('the codec fixtures of DAG-CBOR', 'vectors/dag-cbor', (folder) => {
  const fixtures = readdirSync(join(folder, 'fixtures'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.dag-cbor'))
    .map((path) => ({ name: dirname(path), bytes: readFileSync(join(folder, 'fixtures', path)) }))
  const read = (bytes: Uint8Array) => {
    try {
      return decodeCanonical(bytes)
    } catch {
      return undefined
    }
  }

  test('come out as they went in, or are refused: links, which are tags, and floats in a longer form', () => {
    const refused: string[] = []
    for (const { name, bytes } of fixtures) {
      const value = read(bytes)
      if (value === undefined) refused.push(name)
      else expect(Buffer.compare(encodeCanonical(value), bytes), name).toBe(0)
    }
    const links = fixtures.filter(({ bytes }) => bytes.includes(TAG_42))
    expect(refused).toEqual(expect.arrayContaining(links.map(({ name }) => name)))
    const others = refused.filter((name) => !links.some((link) => link.name === name))
    expect(others.filter((name) => !name.startsWith('float'))).toEqual([])
    expect(fixtures.length - refused.length).toBeGreaterThan(50)
  })

  test('that must not be decoded are refused', () => {
    const file = join(folder, 'negative-fixtures/dag-cbor/decode/duplicate-keys.json')
    for (const { name, hex } of JSON.parse(readFileSync(file, 'utf8')) as { name: string; hex: string }[])
      expect(() => decodeCanonical(Buffer.from(hex, 'hex')), name).toThrow()
  })
})
