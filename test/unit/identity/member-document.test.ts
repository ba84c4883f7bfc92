import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'
import { type Capability, issueDeviceCertificate } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'
import { issueMemberDocument, readMemberDocument } from '../../../daemon/identity/member-document.ts'
import { issueUserRecord, readUserRecord } from '../../../daemon/identity/user-record.ts'

const keyOf = (n: number) => privateKeyOfSeed(new Uint8Array(32).fill(n))
const didOf = (n: number) => encodeDid(publicKeyBytes(keyOf(n)))
/** Key 1 is the person's root, keys from 2 on are devices. */
const did = didOf(1)

interface Link {
  readonly device: number
  readonly issuer: number
  /** Who really signs; the issuer unless somebody lies. */
  readonly signer?: number
  readonly capabilities?: readonly Capability[]
  readonly did?: string
}

function certificate({ device, issuer, signer = issuer, capabilities, did: owner = did }: Link): Uint8Array {
  return issueDeviceCertificate(keyOf(signer), {
    did: owner,
    deviceDid: didOf(device),
    issuer: didOf(issuer),
    capabilities: capabilities ?? ['sign', 'decrypt', 'enroll'],
    sequence: 1,
    issuedAt: 1_000,
  })
}

function documentOf(
  links: readonly Link[],
  changes: { did?: string; device?: number; signer?: number } = {},
) {
  const device = changes.device ?? links.at(-1)?.device ?? 2
  return issueMemberDocument(keyOf(changes.signer ?? device), {
    did: changes.did ?? did,
    deviceDid: didOf(device),
    chain: links.map(certificate),
    sequence: 5,
    receiveKey: new Uint8Array(8).fill(3),
    rendezvous: new Uint8Array(4).fill(4),
  })
}
/** Root → 2 → 3 → …: `length` certificates. */
const chainOf = (length: number): Link[] =>
  Array.from({ length }, (_, n) => ({ device: n + 2, issuer: n + 1 }))

describe('a member document', () => {
  it('leads from the root key to the device, directly or over devices that enrolled each other', () => {
    for (const length of [1, 2, 3, 16]) {
      const read = readMemberDocument(documentOf(chainOf(length)))
      expect(read).toMatchObject({ did, deviceDid: didOf(length + 1), sequence: 5 })
      expect(read?.device).toEqual(publicKeyBytes(keyOf(length + 1)))
      expect(read?.chain.length).toBe(length)
      expect(read?.receiveKey).toEqual(new Uint8Array(8).fill(3))
    }
    expect(readMemberDocument(documentOf(chainOf(17)))).toBeUndefined()
    expect(readMemberDocument(documentOf([]))).toBeUndefined()
  })

  it.each<[string, Link[]]>([
    ['begins with a device', [{ device: 3, issuer: 2 }]],
    ['is signed by somebody else than its issuer', [{ device: 2, issuer: 1, signer: 9 }]],
    [
      'has a gap',
      [
        { device: 2, issuer: 1 },
        { device: 4, issuer: 3 },
      ],
    ],
    [
      'goes back to the root',
      [
        { device: 2, issuer: 1 },
        { device: 3, issuer: 1 },
      ],
    ],
    [
      'goes over a device that may not enroll',
      [
        { device: 2, issuer: 1, capabilities: ['sign'] },
        { device: 3, issuer: 2 },
      ],
    ],
    [
      'changes the person',
      [
        { device: 2, issuer: 1 },
        { device: 3, issuer: 2, did: didOf(9) },
      ],
    ],
    ['is another person in whole', [{ device: 2, issuer: 9, did: didOf(9) }]],
  ])('says nothing when its chain %s', (_what, links) => {
    expect(readMemberDocument(documentOf(links))).toBeUndefined()
  })

  it('says nothing when the record is of another person, device or key', () => {
    expect(readMemberDocument(documentOf(chainOf(2), { did: didOf(9) }))).toBeUndefined()
    expect(readMemberDocument(documentOf(chainOf(2), { device: 2 }))).toBeUndefined()
    expect(readMemberDocument(documentOf(chainOf(2), { signer: 2 }))).toBeUndefined()
  })

  it('says nothing when any bit of it is changed', () => {
    const bytes = documentOf(chainOf(2))
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(readMemberDocument(changed)).toBeUndefined()
      }),
      { numRuns: 1_000 },
    )
  })

  it('says nothing in another shape, or when it is too large to look at', () => {
    const [chain, statement] = decodeCanonical(documentOf(chainOf(1))) as [Uint8Array[], Uint8Array]
    const fields = decodeCanonical(statement) as never[]
    const signed = (changed: never[]) => {
      const bytes = encodeCanonical(changed)
      return readMemberDocument(encodeCanonical([chain, bytes, sign(keyOf(2), bytes)]))
    }
    expect(signed(fields)).toBeDefined()
    expect(signed(['vivimd/device-record/2' as never, ...fields.slice(1)])).toBeUndefined()
    expect(signed(fields.with(3, -1 as never))).toBeUndefined()
    expect(signed(fields.with(3, '5' as never))).toBeUndefined()
    expect(signed(fields.with(4, 'key' as never))).toBeUndefined()
    expect(signed([...fields, null as never])).toBeUndefined()
    expect(signed(fields.with(5, new Uint8Array(17 * 1024) as never))).toBeUndefined()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !readMemberDocument(bytes)))
  })
})

describe('a user record', () => {
  const document = documentOf(chainOf(2))
  const record = { did, displayName: 'Ann', sequence: 7 }

  it('says what a device of that person signed', () => {
    expect(readUserRecord(issueUserRecord(keyOf(3), document, record))).toEqual(record)
    const nameless = { ...record, displayName: null }
    expect(readUserRecord(issueUserRecord(keyOf(3), document, nameless))).toEqual(nameless)
  })

  it('says nothing of another person, from another key, or with a name out of bounds', () => {
    const read = (key: number, changes: Partial<typeof record> = {}, shown = document) =>
      readUserRecord(issueUserRecord(keyOf(key), shown, { ...record, ...changes }))
    expect(read(3, { did: didOf(9) })).toBeUndefined()
    expect(read(2)).toBeUndefined()
    expect(read(1)).toBeUndefined()
    expect(read(3, { displayName: 'x'.repeat(201) })).toBeUndefined()
    expect(read(3, { sequence: -1 })).toBeUndefined()
    expect(read(3, {}, documentOf([{ device: 3, issuer: 9 }]))).toBeUndefined()
  })

  it('says nothing when any bit of it is changed', () => {
    const bytes = issueUserRecord(keyOf(3), document, record)
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        expect(readUserRecord(changed)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => !readUserRecord(junk)))
  })
})
