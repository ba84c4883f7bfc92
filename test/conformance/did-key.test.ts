import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { decodeDid, encodeDid, isDid } from '../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../daemon/identity/ed25519.ts'
import { describeShared } from '../support/shared.ts'

type Vectors = Record<string, { seed?: string }>

describeShared('did:key vectors of the W3C community group', 'vectors/did-key/test-vectors', (folder) => {
  const read = (file: string): Vectors => JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const ed25519 = Object.entries(read('ed25519-x25519.json'))

  it('every Ed25519 vector: seed to DID, DID to key', () => {
    expect(ed25519.length).toBeGreaterThanOrEqual(5)
    for (const [did, { seed }] of ed25519) {
      const key = publicKeyBytes(privateKeyOfSeed(Buffer.from(seed!, 'hex')))
      expect(encodeDid(key)).toBe(did)
      expect(decodeDid(did)).toEqual(key)
    }
  })

  it('every DID of another key type is refused', () => {
    const others = readdirSync(folder).filter((file) => file !== 'ed25519-x25519.json')
    const dids = others.flatMap((file) => Object.keys(read(file)))
    expect(dids.length).toBeGreaterThan(10)
    expect(dids.filter(isDid)).toEqual([])
  })
})
