import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import type { CaptureConversation } from '../../schema/capture.ts'
import { type MethodName, methodOf } from '../../schema/methods/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { methodExamples, raw } from '../support/method-examples.ts'
import { TestNode } from '../support/test-node.ts'

/** The seeds' checklist: each user has a database and an engine of their own, and nobody reaches another's. */

const secretOf = (name: string) => `canary-${name.toLowerCase()}-6d1f`

function conversationOf(name: string): CaptureConversation {
  const part = (content: string) => [{ type: 'text' as const, content }]
  return {
    format: 'vivim.capture/1',
    provider: 'test',
    originalId: `${name}-1`,
    title: `Bread notes of ${name}`,
    messages: [
      {
        id: `${name}-m1`,
        role: 'user',
        parts: part(`How long does the sourdough of ${secretOf(name)} rise?`),
      },
      {
        id: `${name}-m2`,
        role: 'assistant',
        parts: part(`The sourdough of ${secretOf(name)} rises for about nine hours in a cool kitchen.`),
      },
    ],
  }
}

interface Person {
  readonly name: string
  readonly did: string
  readonly client: Client
}

describe('isolation checklist', { timeout: 120_000 }, () => {
  let node: TestNode
  let ann: Person
  let ben: Person

  const databases = () =>
    readdirSync(join(node.home, 'users'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('vault.db'),
    )

  async function person(name: string): Promise<Person> {
    return { name, ...(await node.user(name)) }
  }

  beforeAll(async () => {
    node = await TestNode.start()
  }, 60_000)
  afterAll(() => node?.dispose())

  test('create user → database made', async () => {
    expect(existsSync(join(node.home, 'users')) ? databases() : []).toEqual([])
    ann = await person('Ann')
    expect(databases()).toHaveLength(1)
    ben = await person('Ben')
    expect(databases()).toHaveLength(2)
  })

  test('capture conversation → goes to that user’s database', async () => {
    for (const { name, client } of [ann, ben])
      await client.call('capture.conversation', { conversation: conversationOf(name), wait: 'indexed' })
    const files = (needle: string) =>
      new Set(byteSearch(join(node.home, 'users'), needle).map(({ file }) => file.split('/')[1]))
    const [a, b] = [files(secretOf('Ann')), files(secretOf('Ben'))]
    expect(a.size).toBe(1)
    expect(b.size).toBe(1)
    expect([...a]).not.toEqual([...b])
  })

  test('units and context → from that user’s database', async () => {
    for (const { name, client } of [ann, ben]) {
      const { items } = await client.call('acus.list', {})
      expect(items.length).toBeGreaterThan(0)
      expect(JSON.stringify(items)).toContain(secretOf(name))
      const bundle = await client.call('context.compile', { message: 'How long does the sourdough rise?' })
      expect(bundle.text).toContain(secretOf(name))
      expect(bundle.items.length).toBeGreaterThan(0)
      const other = name === 'Ann' ? 'Ben' : 'Ann'
      expect(JSON.stringify([items, bundle])).not.toContain(secretOf(other))
    }
  })

  /** Valid parameters of every method, with the ids of `owner`. */
  async function examplesOf(owner: Person): Promise<[MethodName, Record<string, unknown>][]> {
    const { items: conversations } = await owner.client.call('conversations.list', {})
    const { items: units } = await owner.client.call('acus.list', {})
    const { jobId } = await owner.client.call('capture.import', {
      data: Buffer.from(JSON.stringify(conversationOf(`${owner.name} again`))).toString('base64'),
      wait: 'indexed',
    })
    const ids: Record<string, string> = {
      $did: owner.did,
      $conversationId: conversations[0]!.id,
      $unitId: units[0]!.id,
      $topicId: 'aaaaaaaaaaaaaaaaaaaaaaaaaa',
      $jobId: jobId,
      $path: join(node.folder, 'nothing.json'),
      $token: 'x'.repeat(43),
      $refreshToken: 'x'.repeat(43),
    }
    return methodExamples(ids).filter(([method]) => methodOf(method).examples.length > 0)
  }

  test('without a session every user method is refused in one shape', async () => {
    const stranger = await node.client()
    let refused = 0
    for (const [method, params] of await examplesOf(ben)) {
      const { access } = methodOf(method)
      if (access === 'open' || access === 'owner') continue
      const error = await raw(stranger)(method, params).then(
        () => undefined,
        (error) => error,
      )
      expect(error, method).toMatchObject({ code: 'Unauthorized' })
      expect(Object.keys(error.data).sort(), method).toEqual(['code', 'hint'])
      refused++
    }
    expect(refused).toBeGreaterThan(25)
  })

  test('user A cannot see or change user B’s data, by any method', async () => {
    const named = new Set(['$conversationId', '$unitId', '$jobId'])
    const examples = await examplesOf(ben)
    const before = await ben.client.call('sync.status', {})
    let refused = 0
    for (const [method, params] of examples) {
      const definition = methodOf(method)
      if (definition.access === 'open' || definition.access === 'owner') continue
      if (method === 'auth.logout' || method === 'capture.conversation') continue
      const answer = await raw(ann.client)(method, params).then(
        (result) => ({ result }),
        (error) => ({ error }),
      )
      const usesId = definition.examples.some(({ params }) =>
        Object.values(params as object).some((v) => named.has(v)),
      )
      if ('error' in answer) {
        expect(
          ['NotFound', 'Forbidden', 'Unauthorized', 'InvalidParams'],
          `${method} ${answer.error.message}`,
        ).toContain(answer.error.code)
        if (usesId) expect(answer.error.code, method).toBe('NotFound')
      } else if (usesId && method !== 'acus.list') throw new Error(`${method} answered for another user's id`)
      expect(JSON.stringify(answer), method).not.toContain(secretOf('Ben'))
      if (usesId) refused++
    }
    expect(refused).toBeGreaterThan(9)
    expect(await ben.client.call('sync.status', {})).toEqual(before)
    expect((await ben.client.call('sync.verify', {})).ok).toBe(true)
    const { items } = await ben.client.call('conversations.list', {})
    expect(items.map(({ title }) => title)).toContain('Bread notes of Ben')
  })

  test('somebody else’s id and an id that never was are refused alike', async () => {
    const { items } = await ben.client.call('conversations.list', {})
    const refusal = (id: string) =>
      ann.client.call('conversations.get', { id }).then(
        () => undefined,
        (error) => ({ code: error.code, message: error.message, data: error.data }),
      )
    expect(await refusal(items[0]!.id)).toEqual(await refusal('aaaaaaaaaaaaaaaaaaaaaaaaaa'))
  })

  test('delete user → database deleted, and no byte is left', async () => {
    await ben.client.call('users.delete', { did: ben.did, confirm: ben.did })
    expect(databases()).toHaveLength(1)
    expect(byteSearch(node.home, secretOf('Ben'))).toEqual([])
    expect(byteSearch(node.home, ben.did)).toEqual([])
    await expect(ben.client.call('conversations.list', {})).rejects.toMatchObject({ code: 'Unauthorized' })
    expect((await ann.client.call('conversations.list', {})).items.length).toBeGreaterThan(0)
  })

  test('ten users at once, isolated', async () => {
    const people = await Promise.all(Array.from({ length: 10 }, (_, at) => person(`Person${at}`)))
    await Promise.all(
      people.map(({ client, name }) =>
        client.call('capture.conversation', { conversation: conversationOf(name), wait: 'indexed' }),
      ),
    )
    await Promise.all(
      people.map(async ({ client, name }) => {
        const [found, bundle, list] = await Promise.all([
          client.call('search.query', { query: 'sourdough kitchen' }),
          client.call('context.compile', { message: 'sourdough?' }),
          client.call('conversations.list', {}),
        ])
        expect(list.items.map(({ title }) => title)).toEqual([`Bread notes of ${name}`])
        const seen = JSON.stringify([found, bundle])
        expect(seen).toContain(secretOf(name))
        for (const { name: other } of people) if (other !== name) expect(seen).not.toContain(secretOf(other))
      }),
    )
  })
})
