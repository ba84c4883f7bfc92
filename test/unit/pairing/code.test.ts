import { base32nopad } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCanonical } from '../../../crdt/cbor.ts'
import { addressesForCode, decodePairingCode, encodePairingCode } from '../../../daemon/pairing/code.ts'
import { codeAsQr } from '../../../daemon/pairing/qr.ts'
import type { VivimError } from '../../../schema/errors.ts'

const codes = fc.record({
  peerId: fc.stringMatching(/^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/),
  addresses: fc.array(fc.stringMatching(/^\/ip4\/\d{1,3}\.0\.2\.\d{1,3}\/tcp\/\d{4}$/), { maxLength: 3 }),
  secret: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  expiresAt: fc.integer({ min: 1, max: 4e9 }).map((seconds) => seconds * 1000),
})
const example = {
  peerId: '12D3KooWJ1zTGTzKgAtMHMnZCqHRp1TFcBo7h1YNGbXbAhB9u2ts',
  addresses: ['/ip4/192.0.2.7/tcp/4001'],
  secret: new Uint8Array(16).fill(7),
  expiresAt: 1_800_000_000_000,
}
const text = encodePairingCode(example)
const failure = (code: string, now = 0) => {
  try {
    decodePairingCode(code, now)
  } catch (error) {
    const { code: name, field, message } = error as VivimError
    return { name, field, message }
  }
}

describe('a pairing code', () => {
  it('is read back, whatever capitals, spaces, line breaks and hyphens were put in', () => {
    fc.assert(
      fc.property(
        codes,
        fc.array(fc.nat(300)),
        fc.constantFrom(' ', '\n', '\r\n', '-', '\t'),
        (code, places, gap) => {
          let typed = encodePairingCode(code)
          expect(typed).toMatch(/^vivim1[a-z2-7]+$/)
          for (const place of places) typed = typed.slice(0, place) + gap + typed.slice(place)
          expect(decodePairingCode(typed.toUpperCase(), 0)).toEqual(code)
        },
      ),
    )
  })

  it('is base32 of canonical CBOR [peer id, addresses, secret, seconds] and four bytes of checksum', () => {
    const bytes = base32nopad.decode(text.slice('vivim1'.length).toUpperCase())
    expect(decodeCanonical(bytes.slice(0, -4))).toEqual([
      example.peerId,
      example.addresses,
      example.secret,
      1_800_000_000,
    ])
  })

  it('with any letter mistyped, lost or swapped is known for a typing error', () => {
    const letters = 'abcdefghijklmnopqrstuvwxyz234567'
    fc.assert(
      fc.property(fc.integer({ min: 6, max: text.length - 1 }), fc.constantFrom(...letters), (at, letter) => {
        const changed = text.slice(0, at) + letter + text.slice(at + 1)
        const shorter = text.slice(0, at) + text.slice(at + 1)
        for (const code of [changed, shorter])
          if (code !== text)
            expect(failure(code)).toMatchObject({
              name: 'InvalidParams',
              field: 'code',
              message: expect.stringMatching(/typing error/),
            })
      }),
      { numRuns: 500 },
    )
  })

  it('of another version, another kind or no kind is refused by name', () => {
    expect(failure('vivim2abc')?.message).toMatch(/another version/)
    for (const code of ['', 'hello', 'did:key:z6Mk', '1vivim'])
      expect(failure(code)?.message).toMatch(/begin with/)
    for (const junk of ['vivim1', 'vivim1a', 'vivim10189', `vivim1${'a'.repeat(1_900)}`])
      expect(failure(junk)?.name).toBe('InvalidParams')
  })

  it('never throws anything but a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(failure(`vivim1${base32nopad.encode(bytes).toLowerCase()}`)?.name).toBe('InvalidParams')
      }),
    )
  })

  it('expires', () => {
    expect(failure(text, example.expiresAt - 1)).toBeUndefined()
    expect(failure(text, example.expiresAt)?.name).toBe('Expired')
  })

  it('carries three addresses at most, those of the machine itself last', () => {
    expect(
      addressesForCode([
        '/ip4/127.0.0.1/tcp/1/p2p/12D3KooWa',
        '/ip6/::1/tcp/1',
        '/ip4/192.168.0.2/tcp/1/p2p/12D3KooWa',
        '/ip4/192.168.0.2/tcp/1',
        '/ip4/10.0.0.2/tcp/1',
      ]),
    ).toEqual(['/ip4/192.168.0.2/tcp/1', '/ip4/10.0.0.2/tcp/1', '/ip4/127.0.0.1/tcp/1'])
  })

  it('fits a terminal as a QR code', () => {
    const widest = encodePairingCode({
      ...example,
      addresses: Array.from(
        { length: 3 },
        (_, n) => `/ip6/2001:db8:1234:5678:9abc:def0:1234:567${n}/tcp/40001`,
      ),
    })
    const lines = codeAsQr(widest).trimEnd().split('\n')
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(lines.length).toBeLessThanOrEqual(42)
  })
})
