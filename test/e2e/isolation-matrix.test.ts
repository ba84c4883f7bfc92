import { randomBytes, sign } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Keystore } from '../../daemon/identity/keystore.ts'
import type { Client } from '../../rpc/client/index.ts'
import type { VivimError } from '../../schema/errors.ts'
import { METHODS, methodOf } from '../../schema/methods/index.ts'
import { pair } from '../support/device-pair.ts'
import { methodExamples, raw } from '../support/method-examples.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

/** What a caller may not have, by the level it stands on: mails and names of the person are level 3, keys level 5. */
const LEVEL_5 = `sk-ant-api03-${'FzQ2bVq8xL1mN0pR4sT6uW9yA3cE5gH7jK2lM4nP6qR8tV0xZ1bD3fG5hJ7kL9mN1pQ3rS5tU7vW9xY2zA4bC6'}-eF8gHAA`
const LEVEL_3 = 'ann.greenhouse@example.org'

/**
 * Every method of the table × every caller that must not get through: the table itself says what there is, so a method
 * somebody adds is in here from its first day.
 */
describe('the isolation matrix', { timeout: 240_000 }, () => {
  let node: TestNode
  let owner: Client
  let ids: Record<string, string>

  beforeAll(async () => {
    node = await TestNode.start()
    const { did, client } = await node.user('Ann')
    owner = client
    const { conversationId } = await owner.call('capture.conversation', {
      wait: 'indexed',
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: 'one',
        title: 'The greenhouse',
        messages: [
          {
            id: '1',
            role: 'user',
            parts: [
              { type: 'text', content: `My key is ${LEVEL_5}; write to ${LEVEL_3} about the tomatoes.` },
            ],
          },
          {
            id: '2',
            role: 'assistant',
            parts: [{ type: 'text', content: 'Tomatoes in the greenhouse want water every morning.' }],
          },
        ],
      },
    })
    const { items } = await owner.call('acus.list', {})
    ids = {
      $did: did,
      $conversationId: conversationId,
      $unitId: items[0]!.id,
      $topicId: 'aaaaaaaaaaaaaaaaaaaaaaaaaa',
      $jobId: '00000000-0000-7000-8000-000000000000',
      $path: '/nowhere/nothing.json',
      $token: 'x'.repeat(43),
      $refreshToken: 'x'.repeat(43),
    }
  }, 60_000)
  afterAll(() => node?.dispose())

  const app = async (params: Partial<Parameters<typeof grant>[0]> = {}) => {
    const { token, grantId } = await grant({ name: 'App', callsPerMinute: 60_000, ...params })
    const client = await node.client()
    await client.call('auth.resume', { token })
    return { client, grantId, token }
  }
  const grant = (params: {
    name: string
    scopes?: ('read' | 'write')[]
    maxSecurityLevel?: number
    callsPerMinute?: number
    expiresAt?: number | null
  }) => owner.call('auth.grants.create', params)

  /** Methods that this caller must not reach, with what each was answered. */
  async function refusals(client: Client, reaches: (access: string) => boolean) {
    const answers: {
      method: string
      access: string
      error: { code?: string; message: string; data?: object } | undefined
    }[] = []
    for (const [method, params] of methodExamples(ids)) {
      const { access } = methodOf(method)
      if (reaches(access)) continue
      const error = await raw(client)(method, params).then(
        () => undefined,
        ({ code, message, data }) => ({ code, message, data }),
      )
      answers.push({ method, access, error })
    }
    return answers
  }

  const userMethods = Object.values(METHODS).filter(
    ({ access }) => access !== 'open' && access !== 'owner',
  ).length
  const publicOnly = (access: string) => access === 'open' || access === 'owner'

  test('no session, a revoked app, a session that was ended: each refused in one shape', async () => {
    const revoked = await app({ scopes: ['write'] })
    await owner.call('auth.grants.revoke', { grantId: revoked.grantId })
    const ended = await node.client()
    const { token } = await ended.login({ did: ids.$did! })
    const second = await node.client()
    await second.call('auth.resume', { token })
    await ended.call('auth.logout')
    for (const [caller, client] of [
      ['none', await node.client()],
      ['revoked app', revoked.client],
      ['ended', second],
    ] as const) {
      const answers = await refusals(client, publicOnly)
      expect(answers.length, caller).toBeGreaterThanOrEqual(userMethods)
      for (const { method, error } of answers) {
        expect(error, `${caller}: ${method}`).toMatchObject({ code: 'Unauthorized' })
        expect(error, `${caller}: ${method}`).toEqual(answers[0]!.error)
      }
    }
  })

  test('a device that was taken out: the session it proved itself for ends, and it proves itself no more', async () => {
    const own = await node.client()
    const { did, recoveryPhrase } = await own.call('users.create', { displayName: 'Cleo' })
    await own.login({ did })
    const { deviceDid } = await own.call('auth.whoami')
    await using other = await TestNode.start()
    const lost = await pair({ node, client: own }, other)
    const keystore = new Keystore({ folder: join(other.home, 'keys'), now: Date.now, random: randomBytes })
    const { deviceKey } = await keystore.unlock(did)
    const prove = async () => {
      const client = await node.client()
      const { nonce, message } = await client.call('auth.challenge', { did })
      const signature = sign(null, Buffer.from(message, 'base64url'), deviceKey).toString('base64url')
      const params = { did, nonce, signature, deviceDid: lost.deviceDid }
      const error = await client.call('auth.verify', params).then(
        () => undefined,
        ({ code, message, data }: VivimError & { data?: object }) => ({ code, message, data }),
      )
      return { client, error }
    }
    const before = await prove()
    expect(before.error).toBeUndefined()
    expect(await before.client.call('auth.whoami')).toMatchObject({ did, deviceDid: lost.deviceDid })
    await own.call('devices.revoke', { device: lost.deviceDid, recoveryPhrase })
    await until('the session is over', async () =>
      before.client.call('auth.whoami').then(
        () => false,
        () => true,
      ),
    )
    const answers = await refusals(before.client, publicOnly)
    expect(answers.length).toBeGreaterThanOrEqual(userMethods)
    for (const { method, error } of answers) {
      expect(error, method).toMatchObject({ code: 'Unauthorized' })
      expect(error, method).toEqual(answers[0]!.error)
    }
    const after = await prove()
    const stranger = await node.client()
    const guess = await stranger
      .call('auth.verify', { did, nonce: 'x'.repeat(43), signature: 'x'.repeat(86), deviceDid })
      .then(
        () => undefined,
        ({ code, message, data }: VivimError & { data?: object }) => ({ code, message, data }),
      )
    // Said like any other wrong proof.
    expect(after.error).toEqual(guess)
    expect(await own.call('auth.whoami')).toMatchObject({ did, deviceDid })
  })

  test('an app whose time is over, or that is paused', async () => {
    const soon = await app({ scopes: ['write'], expiresAt: Date.now() + 300 })
    await new Promise((resolve) => setTimeout(resolve, 400))
    for (const { method, error } of await refusals(soon.client, publicOnly))
      expect(error, method).toMatchObject({ code: 'Unauthorized' })
    const paused = await app({ scopes: ['write'] })
    await owner.call('auth.grants.pause', { grantId: paused.grantId })
    const answers = await refusals(paused.client, publicOnly)
    for (const { method, error } of answers) {
      expect(error, method).toMatchObject({ code: 'Forbidden' })
      expect(error, method).toEqual(answers[0]!.error)
    }
  })

  test('a scope too few, and the node itself, whichever socket the app came by', async () => {
    const reader = await app({ scopes: ['read'] })
    const writer = await app({ scopes: ['write'] })
    for (const [caller, { client }, reaches] of [
      ['reader', reader, (access: string) => access === 'open' || access === 'read'],
      ['writer', writer, (access: string) => access === 'open' || access === 'read' || access === 'write'],
    ] as const) {
      const answers = await refusals(client, reaches)
      expect(answers.length, caller).toBeGreaterThan(5)
      for (const { method, access, error } of answers) {
        expect(error, `${caller}: ${method}`).toMatchObject({ code: 'Forbidden' })
        expect(error, `${caller}: ${method}`).toEqual(answers.find((other) => other.access === access)!.error)
      }
    }
  })

  test('a level too low: no answer of any method holds what is above it', async () => {
    for (const level of [0, 1, 2, 3, 4]) {
      const { client } = await app({ scopes: ['write'], maxSecurityLevel: level })
      for (const [method, params] of methodExamples(ids)) {
        const { access } = methodOf(method)
        // What changes the conversation would take the canary away.
        if (publicOnly(access) || access === 'admin' || /delete|erase|logout/.test(method)) continue
        const answer = await raw(client)(method, { ...params }).catch(({ message, data }) => ({
          message,
          data,
        }))
        const text = JSON.stringify(answer)
        expect(text, `${method} at level ${level}`).not.toContain(LEVEL_5)
        if (level < 3) expect(text, `${method} at level ${level}`).not.toContain(LEVEL_3)
      }
    }
    const seen = JSON.stringify(await owner.call('conversations.get', { id: ids.$conversationId! }))
    expect(seen).toContain(LEVEL_3)
    const search = await owner.call('search.query', { query: 'tomatoes greenhouse' })
    expect(search.items.length).toBeGreaterThan(0)
  })
})
