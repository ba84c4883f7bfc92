import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  isAcceptableKey,
  privateKeyOfSeed,
  publicKeyBytes,
  sign,
  verify,
} from '../../daemon/identity/ed25519.ts'
import { describeShared } from '../support/shared.ts'

interface EdgeCase {
  number: number
  key: string
  sig: string
  msg: string
  flags: string[] | null
}

interface WycheproofGroup {
  publicKey: { pk: string }
  tests: { tcId: number; msg: string; sig: string; result: 'valid' | 'invalid' }[]
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))

/** The rule, as `verify_strict` of ed25519-dalek: A and R canonical and not of low order, the cofactorless equation. */
const REFUSED = ['low_order_A', 'non_canonical_A', 'low_order_R', 'non_canonical_R', 'low_order_residue']

describeShared('Ed25519 edge cases of CCTV', 'vectors/cctv-ed25519/ed25519vectors.json', (file) => {
  const cases: EdgeCase[] = JSON.parse(readFileSync(file, 'utf8'))
  const flagged = (test: EdgeCase, flag: string) => test.flags?.includes(flag) ?? false

  it('every case is decided as the rule says', () => {
    const different = cases.filter((test) => {
      const expected = !REFUSED.some((flag) => flagged(test, flag))
      return verify(bytes(test.key), Buffer.from(test.msg), bytes(test.sig)) !== expected
    })
    expect(different.map(({ number, flags }) => ({ number, flags }))).toEqual([])
    expect(cases.length).toBe(914)
    expect(cases.filter(({ flags }) => !flags?.some((flag) => REFUSED.includes(flag))).length).toBe(43)
  })

  it('exactly the low-order and non-canonical keys are unacceptable', () => {
    const different = cases.filter(
      (test) =>
        isAcceptableKey(bytes(test.key)) !==
        !(flagged(test, 'low_order_A') || flagged(test, 'non_canonical_A')),
    )
    expect(different.map(({ number }) => number)).toEqual([])
    const refused = new Set(cases.filter((test) => !isAcceptableKey(bytes(test.key))).map(({ key }) => key))
    expect(refused.size).toBe(14)
  })
})

describeShared('Ed25519 of Wycheproof', 'vectors/wycheproof/ed25519_test.json', (file) => {
  const { testGroups, numberOfTests }: { testGroups: WycheproofGroup[]; numberOfTests: number } = JSON.parse(
    readFileSync(file, 'utf8'),
  )

  it('every case is decided as published', () => {
    let seen = 0
    const different: number[] = []
    for (const { publicKey, tests } of testGroups)
      for (const { tcId, msg, sig, result } of tests) {
        seen++
        if (verify(bytes(publicKey.pk), bytes(msg), bytes(sig)) !== (result === 'valid')) different.push(tcId)
      }
    expect(different).toEqual([])
    expect(seen).toBe(numberOfTests)
  })
})

interface AcvpGroup {
  curve: string
  preHash: boolean
  tests: { tcId: number; testPassed: boolean; message: string; q: string; signature: string }[]
}

describeShared('Ed25519 of NIST', 'vectors/eddsa-acvp/EDDSA-SigVer-1.0/internalProjection.json', (file) => {
  const { testGroups }: { testGroups: AcvpGroup[] } = JSON.parse(readFileSync(file, 'utf8'))

  it('every case without a hash before it is decided as published', () => {
    const cases = testGroups
      .filter(({ curve, preHash }) => curve === 'ED-25519' && !preHash)
      .flatMap(({ tests }) => tests)
    const different = cases.filter(
      ({ q, message, signature, testPassed }) =>
        verify(bytes(q), bytes(message), bytes(signature)) !== testPassed,
    )
    expect(different.map(({ tcId }) => tcId)).toEqual([])
    expect(cases.length).toBeGreaterThan(0)
  })
})

describeShared('Ed25519 of RFC 8032', 'vectors/eddsa-acvp/rfc8032-ed25519.json', (file) => {
  const cases: { secretKey: string; publicKey: string; message: string; signature: string }[] = JSON.parse(
    readFileSync(file, 'utf8'),
  )

  it('keys and signatures are those of the document', () => {
    for (const { secretKey, publicKey, message, signature } of cases) {
      const key = privateKeyOfSeed(bytes(secretKey).subarray(0, 32))
      expect(Buffer.from(publicKeyBytes(key)).toString('hex')).toBe(publicKey)
      expect(Buffer.from(sign(key, bytes(message))).toString('hex')).toBe(signature)
      expect(verify(bytes(publicKey), bytes(message), bytes(signature))).toBe(true)
    }
    expect(cases.length).toBeGreaterThan(0)
  })
})
