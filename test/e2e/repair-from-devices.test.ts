import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { type DevicePair, devicePair, type PairedDevice } from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const capture = (client: Client, name: string) =>
  client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: name,
      title: `About ${name}`,
      messages: [
        { id: '1', role: 'user', parts: [{ type: 'text', content: `${name} ${'x'.repeat(20_000)}` }] },
      ],
    },
  })
const titles = async (client: Client) =>
  (await client.call('conversations.list', {})).items.map(({ title }) => title).sort()
const digestOf = async ({ client }: PairedDevice) =>
  (await client.call('sync.status')).spaces[0]?.frontierDigest
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code: string; message: string }) => error,
  )

function vaultOf({ node }: PairedDevice): string {
  const users = join(node.home, 'users')
  const name = readdirSync(users, { recursive: true, encoding: 'utf8' }).find((path) =>
    path.endsWith('vault.db'),
  )
  return join(users, name!)
}

/** Overwrites 500 pages, or as many as there are, the first one among them. */
function flipPages(path: string): void {
  const file = openSync(path, 'r+')
  const pages = Math.floor(statSync(path).size / 4_096)
  for (let n = 0; n < Math.min(500, pages); n++) writeSync(file, Buffer.alloc(64, n), 0, 64, n * 4_096 + 8)
}

describe('a damaged database of somebody with two devices', { timeout: 240_000 }, () => {
  let pair: DevicePair
  afterEach(() => pair?.[Symbol.asyncDispose]())

  const damages: readonly [string, (path: string) => void][] = [
    ['with flipped bits', flipPages],
    ['cut short', (path) => truncateSync(path, 5_000)],
    ['gone', (path) => renameSync(path, `${path}.elsewhere`)],
  ]
  test.each(damages)('%s is begun anew from the other one', async (_, damage) => {
    pair = await devicePair()
    const [first, second] = pair.devices
    for (const name of ['one', 'two', 'three']) await capture(first.client, name)
    await capture(second.client, 'four')
    await until('both have all', async () => (await digestOf(first)) === (await digestOf(second)))
    await first.node.stop()
    await capture(second.client, 'five')
    damage(vaultOf(first))
    await first.node.boot()

    const owner = await first.node.client()
    const { did } = pair
    const broken =
      (await failing(owner.login({ did }))) ?? (await failing(owner.call('conversations.list', {})))
    expect(broken, first.node.output).toMatchObject({
      code: expect.stringMatching(/^(Corrupt|UserUnavailable)$/),
    })
    const said = first.node.run('user', 'repair', 'Ann', '--yes')
    expect(said, first.node.output).toMatchObject({ status: 0, stderr: '' })
    expect(said.stdout).toContain('vivimd sync')
    const kept = /kept in (.*)/.exec(said.stdout)![1]!
    expect(readdirSync(kept).length).toBeGreaterThan(0)

    const client = await first.node.client()
    await client.login({ did })
    const all = ['five', 'four', 'one', 'three', 'two'].map((name) => `About ${name}`)
    await until('all is back', async () => (await titles(client)).length === 5)
    expect(await titles(client)).toEqual(all)
    expect((await client.call('sync.verify', {})).problems).toEqual([])
    // It goes on in a log of its own: nothing it wrote before is written apart.
    await capture(client, 'six')
    await until('the other has it', async () => (await titles(second.client)).length === 6)
    expect((await client.call('sync.forks', {})).items).toEqual([])
    const again = await failing(owner.call('users.repair', { did, confirm: did }))
    expect(again).toMatchObject({ code: 'Conflict', message: 'The database of that user is whole.' })
  })
})

describe('a damaged database of somebody with one device', { timeout: 120_000 }, () => {
  test('is left as it is: nobody could send the data', async () => {
    await using node = await TestNode.start()
    const { did } = await node.user('Ben')
    await node.stop()
    const [path] = readdirSync(join(node.home, 'users'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('vault.db'),
    )
    const file = join(node.home, 'users', path!)
    truncateSync(file, 5_000)
    const before = readFileSync(file)
    await node.boot()
    const { status, stderr } = node.run('user', 'repair', 'Ben', '--yes')
    expect({ status: status !== 0, stderr }).toEqual({
      status: true,
      stderr: expect.stringContaining('No other device'),
    })
    expect(existsSync(file) && readFileSync(file).equals(before)).toBe(true)
    const owner = await node.client()
    expect(await failing(owner.call('users.repair', { did, confirm: did.replace(/.$/, 'x') }))).toMatchObject(
      {
        code: 'InvalidParams',
      },
    )
  })
})
