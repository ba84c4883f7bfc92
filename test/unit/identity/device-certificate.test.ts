import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'
import { issueDeviceCertificate, readDeviceCertificate } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'

const root = privateKeyOfSeed(new Uint8Array(32).fill(1))
const other = privateKeyOfSeed(new Uint8Array(32).fill(2))
const did = encodeDid(publicKeyBytes(root))
const deviceDid = encodeDid(publicKeyBytes(other))
const fields = {
  did,
  deviceDid,
  issuer: did,
  capabilities: ['sign', 'control'],
  sequence: 1,
  issuedAt: 1_000,
} as const
const certificate = issueDeviceCertificate(root, fields)

describe('a device certificate', () => {
  it('says what its root signed, for a year', () => {
    expect(readDeviceCertificate(certificate)).toEqual({ ...fields, expiresAt: 1_000 + 365 * 86_400_000 })
  })

  it('says nothing when any bit of it is changed', () => {
    fc.assert(
      fc.property(fc.nat(certificate.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(certificate)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(readDeviceCertificate(changed)).toBeUndefined()
      }),
      { numRuns: 2_000 },
    )
  })

  it('says nothing when another key signed it', () => {
    expect(readDeviceCertificate(issueDeviceCertificate(other, fields))).toBeUndefined()
    const enrolled = { ...fields, issuer: deviceDid }
    expect(readDeviceCertificate(issueDeviceCertificate(other, enrolled))?.issuer).toBe(deviceDid)
    expect(readDeviceCertificate(issueDeviceCertificate(root, enrolled))).toBeUndefined()
  })

  it('says nothing when the root signed it for another purpose or with other fields', () => {
    const [statement] = decodeCanonical(certificate) as [Uint8Array]
    const parts = decodeCanonical(statement) as never[]
    const signed = (changed: never[]) => {
      const bytes = encodeCanonical(changed)
      return readDeviceCertificate(encodeCanonical([bytes, sign(root, bytes)]))
    }
    expect(signed(parts)).toBeDefined()
    expect(signed(['vivimd/auth/1' as never, ...parts.slice(1)])).toBeUndefined()
    expect(signed(parts.with(4, ['everything'] as never))).toBeUndefined()
    expect(signed(parts.with(5, -1 as never))).toBeUndefined()
    expect(signed(parts.with(2, 'did:key:z6Mk' as never))).toBeUndefined()
    expect(signed(parts.with(3, deviceDid as never))).toBeUndefined()
    expect(signed([...parts, 'more' as never])).toBeUndefined()
  })

  it('never throws on bytes from anywhere', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !readDeviceCertificate(bytes)))
  })
})
