import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { decapsulate, xWingPublicKey } from '../../daemon/identity/x-wing.ts'
import { describeShared } from '../support/shared.ts'

interface Vector {
  readonly sk: string
  readonly pk: string
  readonly ct: string
  readonly ss: string
}

describeShared('X-Wing vectors of the draft', 'vectors/xwing/test-vectors.json', (file) => {
  const vectors: Vector[] = JSON.parse(readFileSync(file, 'utf8'))
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

  it('every vector: seed to public key, ciphertext to secret', () => {
    expect(vectors.length).toBeGreaterThanOrEqual(3)
    for (const { sk, pk, ct, ss } of vectors) {
      const seed = Buffer.from(sk, 'hex')
      expect(hex(xWingPublicKey(seed))).toBe(pk)
      expect(hex(decapsulate(seed, Buffer.from(ct, 'hex')))).toBe(ss)
    }
  })
})
