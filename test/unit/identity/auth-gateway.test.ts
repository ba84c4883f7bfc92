import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { AuthGateway, type Grant } from '../../../daemon/identity/auth-gateway.ts'
import type { SessionSource } from '../../../rpc/types.ts'
import { LIMITS } from '../../../schema/limits.ts'

const ann = { did: 'did:key:zAnn', deviceDid: 'did:key:zAnnDevice' }
const ben = { did: 'did:key:zBen', deviceDid: 'did:key:zBenDevice' }

let now: number
let gateway: AuthGateway

beforeEach(() => {
  now = 1_000_000
  gateway = new AuthGateway({ now: () => now, random: (bytes) => new Uint8Array(randomBytes(bytes)) })
})

const unauthorized = expect.objectContaining({ code: 'Unauthorized' })
const live = (source: SessionSource) => {
  const session = source()
  return session !== undefined && session.expiresAt > now
}

describe('a session', () => {
  it("is its user's, with every scope, for 15 minutes", () => {
    const { grant, source } = gateway.begin(ann)
    expect(source()).toEqual({
      ...ann,
      scopes: ['read', 'write', 'admin'],
      maxSecurityLevel: 5,
      expiresAt: now + LIMITS.sessionMs,
    })
    expect(Buffer.from(grant.token, 'base64url').length).toBe(32)
    now += LIMITS.sessionMs - 1
    expect(live(source)).toBe(true)
    gateway.resume(grant.token)
    now += 1
    expect(live(source)).toBe(false)
    expect(() => gateway.resume(grant.token)).toThrow(unauthorized)
  })

  it('is resumed by its token and by nothing else', () => {
    const { grant } = gateway.begin(ann)
    gateway.begin(ben)
    expect(gateway.resume(grant.token).session.did).toBe(ann.did)
    for (const wrong of [grant.refreshToken, '', 'x'.repeat(43), grant.token.slice(1), `${grant.token} `])
      expect(() => gateway.resume(wrong)).toThrow(unauthorized)
  })

  it('ends everywhere: its token, its refresh token and every connection', () => {
    const { grant, source } = gateway.begin(ann)
    const other = gateway.begin(ann)
    const resumed = gateway.resume(grant.token)
    gateway.end(resumed.session)
    expect(source()).toBeUndefined()
    expect(resumed.source()).toBeUndefined()
    expect(() => gateway.resume(grant.token)).toThrow(unauthorized)
    expect(() => gateway.refresh(grant.refreshToken, 'c1')).toThrow(unauthorized)
    expect(live(other.source)).toBe(true)
  })

  it("ends with all others of a user who is locked, and nobody else's", () => {
    const own = [gateway.begin(ann), gateway.begin(ann)]
    const others = gateway.begin(ben)
    gateway.endUser(ann.did)
    expect(own.map(({ source }) => source())).toEqual([undefined, undefined])
    expect(live(others.source)).toBe(true)
  })

  it('makes room: beyond the limit the one unused for longest ends', () => {
    const [first, second] = [gateway.begin(ann), gateway.begin(ann)]
    const others = gateway.begin(ben)
    for (let count = 2; count < LIMITS.sessionsPerUser; count++) gateway.begin(ann)
    gateway.resume(first.grant.token)
    gateway.begin(ann)
    expect(live(first.source)).toBe(true)
    expect(live(second.source)).toBe(false)
    expect(live(others.source)).toBe(true)
  })
})

describe('refreshing', () => {
  it('gives new tokens, ends the old ones and keeps connections signed in', () => {
    const { grant, source } = gateway.begin(ann)
    now += LIMITS.sessionMs + 1
    expect(live(source)).toBe(false)
    const { grant: next } = gateway.refresh(grant.refreshToken, 'c1')
    expect(live(source)).toBe(true)
    expect(next.expiresAt).toBe(now + LIMITS.sessionMs)
    expect(new Set([grant.token, grant.refreshToken, next.token, next.refreshToken]).size).toBe(4)
    expect(() => gateway.resume(grant.token)).toThrow(unauthorized)
    expect(gateway.resume(next.token).session.did).toBe(ann.did)
  })

  it('ends the session when a used token comes from elsewhere', () => {
    const { grant } = gateway.begin(ann)
    const { grant: next, source } = gateway.refresh(grant.refreshToken, 'c1')
    expect(() => gateway.refresh(grant.refreshToken, 'c2')).toThrow(unauthorized)
    expect(live(source)).toBe(false)
    expect(() => gateway.resume(next.token)).toThrow(unauthorized)
    expect(() => gateway.refresh(next.refreshToken, 'c1')).toThrow(unauthorized)
  })

  it('repeats its answer to the same connection for 10 s, then takes the repeat for a theft', () => {
    const { grant } = gateway.begin(ann)
    const first = gateway.refresh(grant.refreshToken, 'c1').grant
    now += 10_000
    const repeated = gateway.refresh(grant.refreshToken, 'c1')
    expect(repeated.grant).toEqual(first)
    expect(live(repeated.source)).toBe(true)
    now += 1
    expect(() => gateway.refresh(grant.refreshToken, 'c1')).toThrow(unauthorized)
    expect(live(repeated.source)).toBe(false)
  })

  it('does not repeat the answer before the last', () => {
    const { grant } = gateway.begin(ann)
    const second = gateway.refresh(grant.refreshToken, 'c1').grant
    gateway.refresh(second.refreshToken, 'c1')
    expect(() => gateway.refresh(grant.refreshToken, 'c1')).toThrow(unauthorized)
  })

  it('of one token 50 times at once from one connection is one refresh', async () => {
    const { grant } = gateway.begin(ann)
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => gateway.refresh(grant.refreshToken, 'c1').grant),
    )
    expect(new Set(answers.map(({ token }) => token)).size).toBe(1)
    expect(gateway.resume(answers[0]!.token).session.did).toBe(ann.did)
  })

  it('of one token 50 times at once from 50 connections succeeds once, and then ends the session', async () => {
    const { grant, source } = gateway.begin(ann)
    const answers = await Promise.allSettled(
      Array.from({ length: 50 }, async (_, index) => gateway.refresh(grant.refreshToken, `c${index}`).grant),
    )
    const won = answers.filter(
      (answer): answer is PromiseFulfilledResult<Grant> => answer.status === 'fulfilled',
    )
    expect(won.length).toBe(1)
    expect(live(source)).toBe(false)
    expect(() => gateway.resume(won[0]!.value.token)).toThrow(unauthorized)
  })

  it('ends 30 days after the sign-in', () => {
    let { grant } = gateway.begin(ann)
    const end = now + LIMITS.refreshMs
    while (now + LIMITS.sessionMs < end) {
      now += LIMITS.sessionMs
      grant = gateway.refresh(grant.refreshToken, 'c1').grant
    }
    expect(grant.expiresAt).toBeLessThanOrEqual(end)
    now = end
    expect(() => gateway.refresh(grant.refreshToken, 'c1')).toThrow(unauthorized)
  })

  it.each(['', '.', 'a.b', '.'.repeat(100), 'x'.repeat(200)])('refuses %j', (token) => {
    const { source } = gateway.begin(ann)
    expect(() => gateway.refresh(token, 'c1')).toThrow(unauthorized)
    expect(live(source)).toBe(true)
  })
})
