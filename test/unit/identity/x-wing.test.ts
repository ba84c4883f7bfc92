import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decapsulate, encapsulate, unwrap, wrapFor, xWingPublicKey } from '../../../daemon/identity/x-wing.ts'
import { VivimError } from '../../../schema/errors.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const seed = random(32)
const publicKey = xWingPublicKey(seed)

describe('X-Wing', () => {
  it('gives both sides one secret, a new one each time', () => {
    const [one, two] = [encapsulate(publicKey, random), encapsulate(publicKey, random)]
    expect([publicKey.length, one.ciphertext.length, one.secret.length]).toEqual([1216, 1120, 32])
    expect(decapsulate(seed, one.ciphertext)).toEqual(one.secret)
    expect(one.secret).not.toEqual(two.secret)
    expect(decapsulate(random(32), one.ciphertext)).not.toEqual(one.secret)
  })

  it('gives another secret when either half of the ciphertext is changed', () => {
    const { ciphertext, secret } = encapsulate(publicKey, random)
    for (const at of [0, 500, 1087, 1088, 1110]) {
      const changed = Uint8Array.from(ciphertext)
      changed[at]! ^= 1
      expect(decapsulate(seed, changed)).not.toEqual(secret)
    }
  })

  it('refuses keys and ciphertexts of another length, and points of low order', () => {
    const lowOrder = Uint8Array.from(publicKey)
    lowOrder.fill(0, 1184)
    for (const key of [publicKey.subarray(1), new Uint8Array(), new Uint8Array(1216).fill(255), lowOrder])
      expect(() => encapsulate(key, random)).toThrow(VivimError)
    const { ciphertext } = encapsulate(publicKey, random)
    const zeros = Uint8Array.from(ciphertext)
    zeros.fill(0, 1088)
    for (const bytes of [ciphertext.subarray(1), new Uint8Array(), zeros])
      expect(() => decapsulate(seed, bytes)).toThrow(VivimError)
    expect(() => xWingPublicKey(seed.subarray(1))).toThrow(RangeError)
  })
})

describe('what is wrapped for a key', () => {
  it('is opened by its seed for that purpose, into bytes with a buffer of their own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.string(), (plain, purpose) => {
        const wrapped = wrapFor(publicKey, purpose, plain, random)
        expect(wrapped.length).toBe(1120 + 16 + plain.length)
        const opened = unwrap(seed, purpose, wrapped)
        expect(opened).toEqual(plain)
        expect(opened?.buffer.byteLength).toBe(plain.length)
        expect(unwrap(seed, `${purpose}.`, wrapped)).toBeUndefined()
        expect(unwrap(random(32), purpose, wrapped)).toBeUndefined()
      }),
      { numRuns: 50 },
    )
  })

  it('says nothing when any bit is changed, or bytes are missing', () => {
    const wrapped = wrapFor(publicKey, 'test', Buffer.from('secret'), random)
    fc.assert(
      fc.property(fc.nat(wrapped.length * 8 - 1), (bit) => {
        // The top bit of an X25519 coordinate is not looked at (RFC 7748), but the combiner hashes it.
        const changed = Uint8Array.from(wrapped)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(unwrap(seed, 'test', changed)).toBeUndefined()
      }),
      { numRuns: 300 },
    )
    for (let length = 0; length < wrapped.length; length += 97)
      expect(unwrap(seed, 'test', wrapped.subarray(0, length))).toBeUndefined()
  })
})
