import { base58, base64urlnopad, hex } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeDid, encodeDid, isDid } from '../../../daemon/identity/did.ts'
import { isAcceptableKey, privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })
const keyOf = (seed: Uint8Array) => publicKeyBytes(privateKeyOfSeed(seed))
const key = keyOf(new Uint8Array(32).fill(3))
const spell = (...parts: (number[] | Uint8Array)[]) =>
  `did:key:z${base58.encode(Uint8Array.from(parts.flatMap((part) => [...part])))}`

describe('a DID', () => {
  it('is one spelling of one key', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const did = encodeDid(keyOf(seed))
        expect(did).toMatch(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/)
        expect(decodeDid(did)).toEqual(keyOf(seed))
      }),
    )
  })

  const did = encodeDid(key)
  const raw = Uint8Array.of(0xed, 0x01, ...key)
  it.each([
    ['hexadecimal multibase', `did:key:f${hex.encode(raw)}`],
    ['base64url multibase', `did:key:u${base64urlnopad.encode(raw)}`],
    ['a longer varint', spell([0xed, 0x81, 0x00], key)],
    ['another codec', spell([0xec, 0x01], key)],
    ['no codec', spell(key)],
    ['a byte more', spell([0xed, 0x01], key, [0])],
    ['a byte less', spell([0xed, 0x01], key.subarray(1))],
    ['leading zero digits', did.replace('z6Mk', 'z16Mk')],
    ['another case of the scheme', did.replace('did', 'DID')],
    ['another method', did.replace('key', 'web')],
    ['a fragment', `${did}#${did.slice(8)}`],
    ['white space', `${did}\n`],
    ['a NUL', `${did}\0`],
    ['an ideograph', `${did.slice(0, -1)}漢`],
    ['nothing', ''],
    ['the scheme alone', 'did:key:z'],
    ['a million digits', `did:key:z${'2'.repeat(1_000_000)}`],
  ])('is refused with %s', (_what, hostile) => {
    expect(isDid(hostile)).toBe(false)
    expect(() => decodeDid(hostile)).toThrow(expect.objectContaining({ code: 'InvalidParams' }))
  })

  it('is refused with any one character changed, unless that is another acceptable key in its own spelling', () => {
    fc.assert(
      fc.property(fc.nat(did.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        const changed = did.slice(0, at) + character + did.slice(at + 1)
        if (changed === did || !isDid(changed)) return
        expect(encodeDid(decodeDid(changed))).toBe(changed)
      }),
      { numRuns: 2_000 },
    )
  })

  it('is refused for every low-order key and every non-canonical one', () => {
    const weak = [...lowOrderKeys(), ...nonCanonicalKeys()]
    expect(weak.length).toBe(5 * 2 + 19 * 2)
    for (const point of weak) {
      expect(isAcceptableKey(point)).toBe(false)
      expect(isDid(spell([0xed, 0x01], point))).toBe(false)
      expect(() => encodeDid(point)).toThrow(RangeError)
    }
  })
})

// An independent derivation: points whose order divides 8, found by arithmetic on the curve.

const P = 2n ** 255n - 19n
const mod = (value: bigint) => ((value % P) + P) % P
const power = (base: bigint, exponent: bigint): bigint => {
  let result = 1n
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if (e & 1n) result = mod(result * b)
  return result
}
const inverse = (value: bigint) => power(value, P - 2n)
const D = mod(-121665n * inverse(121666n))

function squareRoot(value: bigint): bigint | undefined {
  const candidate = power(value, (P + 3n) / 8n)
  for (const root of [candidate, mod(candidate * power(2n, (P - 1n) / 4n))])
    if (mod(root * root) === mod(value)) return root
  return undefined
}

/** Order 8: doubling gives an order-4 point (y = 0), so y² = -x² and 2y² = 1 + d·x²·y² → d·y⁴ + 2y² - 1 = 0. */
function lowOrderY(): bigint[] {
  const root = squareRoot(mod(1n + D))!
  const squares = [mod((root - 1n) * inverse(D)), mod((-root - 1n) * inverse(D))]
  const y = squares.map(squareRoot).find((candidate) => candidate !== undefined)!
  return [0n, 1n, P - 1n, y, P - y]
}

const encode = (y: bigint, sign: number) => {
  const bytes = Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse()
  bytes[31]! |= sign << 7
  return new Uint8Array(bytes)
}
const lowOrderKeys = () => lowOrderY().flatMap((y) => [encode(y, 0), encode(y, 1)])
const nonCanonicalKeys = () =>
  Array.from({ length: 19 }, (_, above) => P + BigInt(above)).flatMap((y) => [encode(y, 0), encode(y, 1)])
