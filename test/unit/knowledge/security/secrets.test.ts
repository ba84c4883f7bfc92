import { wordlist } from '@scure/bip39/wordlists/english.js'
import { expect, test } from 'vitest'
import { BIP39_WORDS } from '../../../../daemon/knowledge/security/bip39-words.ts'
import { detectSecrets } from '../../../../daemon/knowledge/security/secrets.ts'

const found = (text: string) =>
  detectSecrets(text).map(({ start, end, kind }) => [kind, text.slice(start, end)])

test('the word list is that of BIP-39', () => {
  expect(BIP39_WORDS).toEqual(wordlist)
})

test('only the secret itself is the span', () => {
  expect(found('The password is "Kx9!foo", call me')).toEqual([['password', 'Kx9!foo']])
  expect(found('postgres://ann:s3cr3t-Pw@db/x')).toEqual([['connection_password', 's3cr3t-Pw']])
})

test('several secrets, in order', () => {
  const key = ['gh', 'p_0123456789abcdefghijABCDEFGHIJ012345'].join('')
  expect(found(`${key} and ${key}, iban DE89370400440532013000`).map(([kind]) => kind)).toEqual([
    'api_key',
    'api_key',
    'iban',
  ])
})

test('a secret on the boundary of a piece of a long text is found whole, once', () => {
  const key = ['AK', 'IAABCDEFGHIJKLMNOP'].join('')
  for (const before of [1_048_576 - 10, 1_048_576, 1_048_576 + 16_384 - 5, 3_000_000]) {
    const text = `${'word '.repeat(before / 5).slice(0, before - 1)} ${key} end`
    expect(found(text)).toEqual([['api_key', key]])
  }
})

test('a key as long as a token can be is taken to its end', () => {
  const jwt = ['ey', 'JhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.', 'aB3'.repeat(5_000)].join('')
  expect(found(`x ${jwt} y`)).toEqual([['jwt', jwt]])
})
