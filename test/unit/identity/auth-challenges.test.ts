import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { AuthChallenges } from '../../../daemon/identity/auth-challenges.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'

const key = () => {
  const { privateKey } = generateKeyPairSync('ed25519')
  return { privateKey, did: encodeDid(publicKeyBytes(privateKey)) }
}
const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
const errorOf = (work: () => void) => {
  try {
    work()
    return undefined
  } catch (error) {
    return (error as { toObject(): object }).toObject()
  }
}

describe('challenges', () => {
  const ann = key()
  const node = key()
  let now: number
  let challenges: AuthChallenges
  beforeEach(() => {
    now = 1_000_000
    challenges = new AuthChallenges({ audience: node.did, now: () => now, random })
  })
  const answered = (signer = ann, change: Partial<{ did: string; message: Uint8Array }> = {}) => {
    const { nonce, message } = challenges.issue(ann.did, 'notes')
    return {
      did: change.did ?? ann.did,
      nonce,
      signature: sign(signer.privateKey, change.message ?? message),
    }
  }

  test('a right answer is taken once', () => {
    const answer = answered()
    expect(() => challenges.take(answer)).not.toThrow()
    expect(errorOf(() => challenges.take(answer))).toMatchObject({ code: 'Unauthorized' })
  })

  test('the message says whose, where, for which client and until when', () => {
    const { nonce, message, expiresAt } = challenges.issue(ann.did, 'notes')
    const bytes = new Uint8Array(Buffer.from(nonce, 'base64url'))
    expect(message).toEqual(encodeCanonical(['vivimd/auth/1', bytes, node.did, ann.did, 'notes', expiresAt]))
    expect(expiresAt).toBe(now + 60_000)
  })

  test('late, forged, replayed, of another node, of another purpose, of somebody else: refused alike', () => {
    const mallory = key()
    const elsewhere = new AuthChallenges({ audience: mallory.did, now: () => now, random })
    const once = answered()
    challenges.take(once)
    const refusals = [
      once,
      answered(mallory),
      answered(ann, { message: elsewhere.issue(ann.did, 'notes').message }),
      answered(ann, { message: encodeCanonical(['vivimd/other/1', random(32)]) }),
      answered(ann, { did: mallory.did }),
      { ...answered(), did: 'did:key:z6Mkinvalid' },
      { ...answered(), deviceDid: mallory.did },
      { ...answered(), nonce: Buffer.from(random(32)).toString('base64url') },
      { ...answered(), signature: new Uint8Array(63) },
    ].map((answer) => errorOf(() => challenges.take(answer)))
    const late = answered()
    now += 60_000
    refusals.push(errorOf(() => challenges.take(late)))
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'Unauthorized' })
      expect(refusal).toEqual(refusals[0])
    }
  })

  test('a wrong answer uses the challenge up', () => {
    const { nonce, message } = challenges.issue(ann.did)
    const answer = { did: ann.did, nonce, signature: sign(ann.privateKey, message) }
    expect(() => challenges.take({ ...answer, signature: new Uint8Array(64) })).toThrow()
    expect(() => challenges.take(answer)).toThrow()
  })

  test('whoever asks without end pushes out the oldest, and memory stays', () => {
    const first = answered()
    for (let n = 0; n < 10_000; n++) challenges.issue(ann.did)
    expect(() => challenges.take(first)).toThrow()
    expect(() => challenges.take(answered())).not.toThrow()
  })
})
