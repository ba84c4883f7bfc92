import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalLanguage } from '../../../daemon/knowledge/code-language.ts'
import { canonicalCode, canonicalText, unitId } from '../../../daemon/knowledge/ids.ts'

describe('SHA3-256', () => {
  // FIPS 202 example values; a Keccak of before the standard gives others.
  test.each([
    ['', 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a'],
    ['abc', '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376',
    ],
  ])('of %j', (text, hex) => {
    expect(createHash('sha3-256').update(text).digest('hex')).toBe(hex)
  })

  test('a unit id is that of the canonical CBOR, written out by hand', () => {
    // 83: array of 3; 6b: text of 11; 64: text of 4; 62: text of 2.
    const bytes = Buffer.concat([
      Buffer.from([0x83, 0x6b]),
      Buffer.from('vivim/acu/1'),
      Buffer.from([0x64]),
      Buffer.from('text'),
      Buffer.from([0x62]),
      Buffer.from('hi'),
    ])
    expect(unitId('text', 'hi')).toBe(createHash('sha3-256').update(bytes).digest('hex'))
    expect(unitId('code:python', 'hi')).not.toBe(unitId('text', 'hi'))
  })
})

describe('canonical form', () => {
  test('text: NFC, four characters folded, trimmed, nothing else touched', () => {
    expect(canonicalText('  a\t\r\n b\r\rc ')).toBe('a b c')
    expect(canonicalText('e\u0301')).toBe('é')
    expect(canonicalText('a\u00a0b\u2028c\u000bd')).toBe('a\u00a0b\u2028c\u000bd')
  })

  test('code: line ends, one trailing line end, nothing else touched', () => {
    expect(canonicalCode('a\r\n\tb\rc \n\n')).toBe('a\n\tb\nc \n')
    expect(canonicalCode('e\u0301  x')).toBe('e\u0301  x')
  })

  test('is its own canonical form', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '\r', '\t', 'é', 'e\u0301', '字', '😀') })
    fc.assert(
      fc.property(text, (written) => {
        expect(canonicalText(canonicalText(written))).toBe(canonicalText(written))
        const code = canonicalCode(written)
        expect(code).not.toContain('\r')
      }),
    )
  })
})

test('languages have one name each', () => {
  for (const [written, name] of [
    ['js', 'javascript'],
    ['JavaScript', 'javascript'],
    ['TSX', 'typescript'],
    ['C++', 'cpp'],
    ['{.python .numberLines}', 'python'],
    ['python title="x"', 'python'],
    ['Brainfuck', 'brainfuck'],
    ['', ''],
    [undefined, ''],
  ] as const)
    expect(normalLanguage(written), written).toBe(name)
})
