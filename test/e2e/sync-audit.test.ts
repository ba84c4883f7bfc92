import { globSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Database } from '../../daemon/vault/database.ts'
import { type DevicePair, devicePair, spaceOf, untilAlike } from '../support/device-pair.ts'
import type { TestNode } from '../support/test-node.ts'

const CONVERSATIONS = 40

/** Another program writes into the file while the node is stopped. */
async function behindItsBack(node: TestNode, statement: string): Promise<void> {
  await node.stop()
  const [path] = globSync(join(node.home, '**/vault.db'))
  const database = new Database(path!)
  expect(database.run(statement)).toBeGreaterThan(0)
  database.checkpoint()
  database.close()
  await node.boot()
}

describe('an audit of two processes', { timeout: 240_000 }, () => {
  let pair: DevicePair
  const vivimd = (at: 0 | 1, ...args: string[]) => pair.devices[at].node.run(...args, '--user', pair.did)
  beforeAll(async () => {
    pair = await devicePair()
    const { client } = pair.devices[0]
    for (let number = 0; number < CONVERSATIONS; number++)
      await client.call('capture.conversation', {
        conversation: {
          format: 'vivim.capture/1',
          provider: 'test',
          originalId: `c${number}`,
          title: `Conversation ${number}`,
          messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', content: `words ${number}` }] }],
        },
      })
    await untilAlike(pair.devices)
  }, 180_000)
  afterAll(() => pair?.[Symbol.asyncDispose]())

  test('equal rows, then one that another program changed: found, named, made again, told', async () => {
    const first = vivimd(0, 'sync', 'audit')
    expect(first).toMatchObject({ status: 0, stdout: expect.stringContaining('shows the same, row by row') })

    await behindItsBack(
      pair.devices[1].node,
      "UPDATE conversations SET title = 'forged' WHERE title = 'Conversation 7'",
    )
    const client = await pair.devices[1].node.client()
    await client.login({ did: pair.did })
    const devices = [pair.devices[0], { ...pair.devices[1], client }] as const
    expect((await spaceOf(devices[1])).stateDigest).not.toBe((await spaceOf(devices[0])).stateDigest)

    const began = performance.now()
    const audit = vivimd(0, 'sync', 'audit')
    console.log(`found and made again in ${Math.round(performance.now() - began)} ms:\n${audit.stdout}`)
    expect(audit.status, audit.stdout + audit.stderr).toBe(1)
    expect(audit.stdout).toMatch(/1 row differed, 0 of them wrong here/)
    expect(audit.stdout).toMatch(/^ {2}Conversation \w+$/m)
    await untilAlike(devices)
    const { items } = await client.call('conversations.list', { limit: 200 })
    expect(items.map(({ title }) => title)).toContain('Conversation 7')
    expect(items.map(({ title }) => title)).not.toContain('forged')

    const [space] = (await client.call('sync.status')).spaces
    expect(space!.alarms).toMatchObject([{ deviceDid: pair.devices[0].deviceDid, rows: 1, remade: 1 }])
    expect(space!.peers).toMatchObject([{ audit: { result: 'different' } }])
    expect(vivimd(1, 'sync', 'status').stdout).toMatch(/ALARM .+ 1 row differed, 1 of them wrong here/)
    expect((await client.call('node.metrics')).counters['sync.audit.differences']).toBe(1)
    expect(vivimd(0, 'sync', 'audit').status).toBe(0)
    expect(vivimd(0, 'sync', 'holds').stdout).toBe('Nothing waits.\n')
  })

  test('a device that is away cannot be compared with', async () => {
    await pair.devices[1].node.stop()
    const audit = vivimd(0, 'sync', 'audit')
    expect(audit).toMatchObject({ status: 7, stdout: expect.stringContaining('cannot be reached') })
  })
})
