import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { privateKeyOfSeed, sign } from '../../daemon/identity/ed25519.ts'
import { seedOfPhrase } from '../../daemon/identity/recovery.ts'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { TestNode } from '../support/test-node.ts'

const SECRET =
  'sk-ant-api03-FzQ2bVq8xL1mN0pR4sT6uW9yA3cE5gH7jK2lM4nP6qR8tV0xZ1bD3fG5hJ7kL9mN1pQ3rS5tU7vW9xY2zA4bC6-eF8gHAA'

describe('signing in by proof, and apps', { timeout: 120_000 }, () => {
  let node: TestNode
  let owner: Client
  let did: string
  let seed: Uint8Array
  const clients: Client[] = []
  const connect = async () => {
    const client = await node.client()
    clients.push(client)
    return client
  }
  const failing = (promise: Promise<unknown>) =>
    promise.then(
      () => undefined,
      (error: { code: string }) => error,
    )

  beforeAll(async () => {
    node = await TestNode.start()
    owner = await connect()
    const created = await owner.call('users.create', { displayName: 'Ann' })
    did = created.did
    seed = seedOfPhrase(created.recoveryPhrase!)
    await owner.login({ did })
    await owner.call('capture.conversation', {
      wait: 'indexed',
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: 'one',
        title: 'Keys of the greenhouse',
        messages: [
          {
            id: '1',
            role: 'user',
            parts: [{ type: 'text', content: `My key is ${SECRET} and my mail is ann@example.org.` }],
          },
          {
            id: '2',
            role: 'assistant',
            parts: [{ type: 'text', content: 'The greenhouse opens at eight in the morning.' }],
          },
        ],
      },
    })
  }, 60_000)
  afterAll(() => node?.dispose())

  const prove = async (client: Client, scopes?: ('read' | 'write' | 'admin')[]) => {
    const { nonce, message } = await client.call('auth.challenge', { did })
    const signature = Buffer.from(sign(privateKeyOfSeed(seed), Buffer.from(message, 'base64url'))).toString(
      'base64url',
    )
    return { did, nonce, signature, ...(scopes ? { scopes } : {}) }
  }

  test('of 50 parallel answers to one challenge one is taken', async () => {
    const many = await Promise.all(Array.from({ length: 50 }, connect))
    const answer = await prove(many[0]!)
    const outcomes = await Promise.all(many.map((client) => failing(client.call('auth.verify', answer))))
    expect(outcomes.filter((error) => error === undefined)).toHaveLength(1)
    expect(new Set(outcomes.flatMap((error) => error?.code ?? []))).toEqual(new Set(['Unauthorized']))
  })

  test('whoever proves the DID is that user, with the scopes asked for and no more', async () => {
    const client = await connect()
    expect(await client.call('auth.verify', await prove(client, ['read']))).toMatchObject({
      did,
      scopes: ['read'],
    })
    expect((await client.call('conversations.list', {})).items).toHaveLength(1)
    expect(await failing(client.call('auth.grants.list', {}))).toBeUndefined()
    expect(await failing(client.call('auth.grants.create', { name: 'x' }))).toMatchObject({
      code: 'Forbidden',
    })
  })

  test('an app reads what it was given, at its level, and nothing of the node', async () => {
    const { token, grantId } = await owner.call('auth.grants.create', { name: 'Notes', maxSecurityLevel: 2 })
    const app = await connect()
    await app.call('auth.resume', { token })
    expect(await app.call('auth.whoami')).toMatchObject({
      did,
      app: 'Notes',
      scopes: ['read'],
      maxSecurityLevel: 2,
    })
    const { id } = (await app.call('conversations.list', {})).items[0]!
    const text = JSON.stringify(await app.call('conversations.get', { id }))
    expect(text).toContain('greenhouse opens')
    expect(text).not.toContain('ann@example.org')
    expect(text).not.toContain(SECRET)
    for (const call of [
      app.call('conversations.archive', { id }),
      app.call('auth.grants.create', { name: 'More' }),
      app.call('auth.accessLog', {}),
      app.call('auth.grants.list', {}),
      app.call('users.list', {}),
      app.call('config.list', {}),
      app.call('node.shutdown', {}),
    ].map(failing))
      expect(await call).toMatchObject({ code: 'Forbidden' })
    const writer = await owner.call('auth.grants.create', { name: 'Writer', scopes: ['write'] })
    const writing = await connect()
    await writing.call('auth.resume', { token: writer.token })
    expect(await failing(writing.call('capture.import', { path: '/etc/passwd' }))).toMatchObject({
      code: 'Forbidden',
    })
    await owner.call('auth.grants.pause', { grantId })
    expect(await failing(app.call('conversations.list', {}))).toMatchObject({ code: 'Forbidden' })
    await owner.call('auth.grants.pause', { grantId, paused: false })
    expect(await failing(app.call('conversations.list', {}))).toBeUndefined()
    await node.stop()
    await node.boot()
    owner = await connect()
    await owner.login({ did })
    const again = await connect()
    await again.call('auth.resume', { token })
    expect((await owner.call('auth.grants.list', {})).items).toMatchObject([
      { name: 'Notes' },
      { name: 'Writer' },
    ])
    await owner.call('auth.grants.revoke', { grantId })
    expect(await failing(again.call('conversations.list', {}))).toMatchObject({ code: 'Unauthorized' })
    expect(await failing(again.call('auth.resume', { token }))).toMatchObject({ code: 'Unauthorized' })
    expect(byteSearch(node.home, token)).toEqual([])
  })

  test('an app that calls too often waits; an expired one is out', async () => {
    const { token } = await owner.call('auth.grants.create', { name: 'Busy', callsPerMinute: 3 })
    const app = await connect()
    await app.call('auth.resume', { token })
    const outcomes = []
    for (let n = 0; n < 5; n++) outcomes.push((await failing(app.call('conversations.list', {})))?.code)
    expect(outcomes).toEqual([undefined, undefined, undefined, 'RateLimited', 'RateLimited'])
    const old = await owner.call('auth.grants.create', { name: 'Old', expiresAt: Date.now() - 1 })
    expect(await failing(app.call('auth.resume', { token: old.token }))).toMatchObject({
      code: 'Unauthorized',
    })
  })

  test('who read my data: every call of an app, refused ones too, newest first; gone with the user', async () => {
    const { items, nextCursor } = await owner.call('auth.accessLog', { limit: 200 })
    const of = (name: string) =>
      items.filter(({ app }) => app === name).map(({ method, outcome }) => `${method} ${outcome}`)
    expect(of('Notes')).toContain('conversations.get ok')
    expect(of('Notes')).toContain('users.list Forbidden')
    expect(of('Busy').filter((line) => line === 'conversations.list RateLimited')).toHaveLength(2)
    expect(items.every(({ at }, n) => n === 0 || at <= items[n - 1]!.at)).toBe(true)
    expect(nextCursor).toBeNull()
    const page = await owner.call('auth.accessLog', { limit: 2 })
    const next = await owner.call('auth.accessLog', { limit: 2, cursor: page.nextCursor! })
    expect(new Set([...page.items, ...next.items].map((item) => JSON.stringify(item))).size).toBeGreaterThan(
      2,
    )
    expect(node.run('access-log').stdout).toMatch(/Busy\s+conversations\.list\s+RateLimited/)
    expect(node.run('app', 'list').stdout).toMatch(/Writer/)
    const folders = byteSearch(join(node.home, 'users'), 'conversations.list RateLimited'.slice(0, 18))
    expect(folders.length).toBeGreaterThan(0)
    await owner.call('users.delete', { did, confirm: did })
    expect(
      existsSync(join(node.home, 'users')) && byteSearch(join(node.home, 'users'), 'RateLimited'),
    ).toEqual([])
  })
})
