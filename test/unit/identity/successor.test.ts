import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'
import { issueSuccession, readSuccession } from '../../../daemon/identity/successor.ts'

const newKey = () => generateKeyPairSync('ed25519').privateKey
const didOf = (key: ReturnType<typeof newKey>) => encodeDid(publicKeyBytes(key))

describe('the statement that a root key has a successor', () => {
  const [old, next, eve] = [newKey(), newKey(), newKey()]
  const parts = decodeCanonical(issueSuccession(old, next, 5)) as Uint8Array[]
  const [statement, byOld, byNew] = parts as [Uint8Array, Uint8Array, Uint8Array]

  it('names both and the time', () => {
    const read = readSuccession(issueSuccession(old, next, 1_700_000_000_000))
    expect(read).toEqual({ predecessor: didOf(old), successor: didOf(next), at: 1_700_000_000_000 })
  })

  it('is nothing without the one key or the other, with them swapped, or signed by somebody else', () => {
    const forged = [
      [statement, byOld],
      [statement, byOld, byOld],
      [statement, byNew, byNew],
      [statement, byNew, byOld],
      [statement, byOld, sign(eve, statement)],
      [statement, sign(eve, statement), byNew],
      [statement, byOld, byNew, byNew],
      [statement, byOld, new Uint8Array(64)],
      [statement, byOld, 1],
    ]
    for (const each of forged) expect(readSuccession(encodeCanonical(each))).toBeUndefined()
    expect(readSuccession(encodeCanonical([statement, byOld, byNew]))).toBeDefined()
  })

  it('is nothing under another domain, for other DIDs, with more fields, or in another form', () => {
    const signed = (fields: readonly (string | number)[], keys = [old, next]) => {
      const bytes = encodeCanonical(fields)
      return encodeCanonical([bytes, ...keys.map((key) => sign(key, bytes))])
    }
    const domain = 'vivimd/successor/1'
    const both = [didOf(old), didOf(next)] as const
    expect(readSuccession(signed([domain, ...both, 5]))).toBeDefined()
    for (const bytes of [
      signed(['vivimd/account-tombstone/1', ...both, 5]),
      signed([domain, ...both]),
      signed([domain, ...both, 5, 6]),
      signed([domain, ...both, -1]),
      signed([domain, ...both, 0.5]),
      signed([domain, ...both, 'now']),
      // The roles the other way round, under the same two signatures.
      signed([domain, didOf(next), didOf(old), 5]),
      signed([domain, didOf(old), didOf(old), 5], [old, old]),
      signed([domain, didOf(old), 'did:key:z6Mk', 5]),
      issueSuccession(old, next, 5).subarray(1),
      Uint8Array.of(...issueSuccession(old, next, 5), 0),
      new Uint8Array(),
    ])
      expect(readSuccession(bytes)).toBeUndefined()
  })

  it('cannot be made for one and the same key', () => {
    expect(() => issueSuccession(old, old, 5)).toThrow(expect.objectContaining({ code: 'InvalidParams' }))
  })
})
