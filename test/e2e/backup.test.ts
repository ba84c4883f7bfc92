import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { documentedCommands } from '../support/documented-commands.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const PASSPHRASE = 'seven green bottles'
const titles = async (client: Client) =>
  (await client.call('conversations.list', {})).items.map(({ title }) => title).sort()
const capture = (client: Client, title: string) =>
  client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: title,
      title,
      messages: [
        { id: '1', role: 'user', parts: [{ type: 'text', content: `the canary of ${title} sings` }] },
      ],
    },
  })
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: { code: string }) => error.code,
  )

describe('a backup of one person', { timeout: 240_000 }, () => {
  const nodes: TestNode[] = []
  afterEach(async () => {
    for (const node of nodes.splice(0)) await node.dispose()
  })
  async function start() {
    const node = await TestNode.start()
    nodes.push(node)
    return node
  }
  async function signedIn(node: TestNode, did: string) {
    const client = await node.client()
    await client.login({ did })
    return client
  }

  test('is one encrypted file, and becomes a new device of theirs that comes into step with the old one', async () => {
    const old = await start()
    const ann = await old.user('Ann')
    const ben = await old.user('Ben')
    await capture(ben.client, 'of Ben')
    for (const title of ['one', 'two', 'three']) await capture(ann.client, title)
    const [gone] = (await ann.client.call('conversations.list', {})).items.filter(
      ({ title }) => title === 'two',
    )
    await ann.client.call('conversations.delete', { id: gone!.id, erase: true })
    const path = join(old.folder, 'ann.age')
    const owner = await old.client()
    const made = await owner.call('backup.create', { did: ann.did, path, passphrase: PASSPHRASE })
    expect(made).toMatchObject({ path, did: ann.did, displayName: 'Ann', bytes: statSync(path).size })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path).subarray(0, 21).toString()).toBe('age-encryption.org/v1')
    for (const word of ['canary', 'Ann', ann.did]) expect(readFileSync(path).includes(word)).toBe(false)
    expect(await owner.call('backup.verify', { path, passphrase: PASSPHRASE })).toEqual(made)
    // Ann goes on writing after it.
    await capture(ann.client, 'four')

    const fresh = await start()
    const there = await fresh.client()
    const restored = await there.call('backup.restore', { path, passphrase: PASSPHRASE, unattended: true })
    expect(restored).toMatchObject({ did: ann.did, displayName: 'Ann' })
    const client = await signedIn(fresh, ann.did)
    expect(await titles(client)).toContain('three')
    expect(await titles(client)).not.toContain('two')
    expect((await client.call('auth.whoami')).deviceDid).toBe(restored.deviceDid)
    expect(byteSearch(fresh.home, 'canary of two')).toEqual([])
    expect(byteSearch(fresh.home, 'of Ben')).toEqual([])
    expect((await client.call('sync.verify')).problems).toEqual([])

    // A second one from the same file is a third device: no log has two writers.
    const third = await start()
    const more = await (await third.client()).call('backup.restore', {
      path,
      passphrase: PASSPHRASE,
      unattended: true,
    })
    expect(more.deviceDid).not.toBe(restored.deviceDid)
    const last = await signedIn(third, ann.did)
    await capture(client, 'five')
    await capture(last, 'six')
    const all = ['five', 'four', 'one', 'six', 'three']
    for (const each of [ann.client, client, last])
      await until('all three hold the same', async () => `${await titles(each)}` === `${all}`, 60_000)
    for (const each of [ann.client, client, last]) {
      expect((await each.call('sync.forks', {})).items).toEqual([])
      expect((await each.call('sync.verify')).problems).toEqual([])
    }
  })

  test('by the commands of the README', async () => {
    const node = await TestNode.start({ env: { VIVIM_PASSPHRASE: PASSPHRASE } })
    nodes.push(node)
    const { client } = await node.user('Ann')
    await capture(client, 'one')
    const path = join(node.folder, 'ann.age')
    const said = documentedCommands('README.md', 'Backups').map(({ command }) => {
      const [npx, vivimd, ...words] = command.replace('ann.age', path).split(' ')
      expect([npx, vivimd]).toEqual(['npx', 'vivimd'])
      return node.run(...words)
    })
    expect(said.map(({ status }) => status)).toEqual([0, 0])
    expect(said[0]!.stdout).toMatch(
      /^Backup of Ann: .+ann\.age, \d\.\d MB\nIf this file is lost: vivimd device lost did:key:/,
    )
    expect(said[1]!.stdout).toMatch(/^Whole: Ann as of .+ MB\n$/)
    const fresh = await TestNode.start({ env: { VIVIM_PASSPHRASE: PASSPHRASE } })
    nodes.push(fresh)
    expect(fresh.run('backup', 'restore', path).stdout).toMatch(
      /^Restored Ann as of .+, as a new device: did:key:/,
    )
    expect(fresh.run('conversations', 'list').stdout).toContain('one')
    expect(fresh.run('backup', 'restore', path).status).toBe(6)
    expect(fresh.run('backup', 'verify', join(node.folder, 'absent.age')).stderr).toContain(
      'cannot be opened',
    )
  })

  test('with another passphrase, damaged, cut or at the wrong place is refused, and leaves nothing', async () => {
    const node = await start()
    const ann = await node.user('Ann')
    await capture(ann.client, 'one')
    const owner = await node.client()
    const path = join(node.folder, 'ann.age')
    const passphrase = PASSPHRASE
    const create = (to: string) =>
      failing(owner.call('backup.create', { did: ann.did, path: to, passphrase }))
    expect(await create('ann.age')).toBe('InvalidParams')
    expect(await create(join(node.home, 'ann.age'))).toBe('InvalidParams')
    expect(await create(join(node.folder, 'nowhere/ann.age'))).toBe('InvalidParams')
    expect(await create(path)).toBeUndefined()
    const whole = readFileSync(path)
    expect(await create(path)).toBe('Conflict')
    expect(readFileSync(path)).toEqual(whole)

    const fresh = await start()
    const there = await fresh.client()
    const restore = (from: string, word = passphrase) =>
      failing(there.call('backup.restore', { path: from, passphrase: word }))
    expect(await restore(path, 'seven blue bottles')).toBe('Unauthorized')
    expect(await restore(join(node.folder, 'absent.age'))).toBe('NotFound')
    const bad = join(node.folder, 'bad.age')
    const damage: Record<string, Uint8Array> = {
      cut: whole.subarray(0, whole.length - 100),
      'cut to its head': whole.subarray(0, 120),
      empty: new Uint8Array(),
      noise: Buffer.alloc(5_000, 7),
      flipped: whole.map((byte, at) => (at === whole.length >> 1 ? byte ^ 1 : byte)),
    }
    for (const [name, bytes] of Object.entries(damage)) {
      writeFileSync(bad, bytes)
      expect(await restore(bad), name).toBe('Corrupt')
    }
    expect((await there.call('users.list', {})).items).toEqual([])
    expect(byteSearch(fresh.home, 'canary')).toEqual([])
    expect(await restore(path)).toBeUndefined()
    expect(await restore(path)).toBe('Conflict')
  })

  test('restored by a process that is killed leaves no half user', async () => {
    const node = await start()
    const ann = await node.user('Ann')
    for (let n = 0; n < 20; n++) await capture(ann.client, `number ${n}`)
    const path = join(node.folder, 'ann.age')
    await (await node.client()).call('backup.create', { did: ann.did, path, passphrase: PASSPHRASE })
    const fresh = await start()
    let whole = 0
    for (const afterMs of [100, 400, 700, 900, 1_100, 1_500]) {
      const restoring = failing(
        (await fresh.client()).call('backup.restore', { path, passphrase: PASSPHRASE, unattended: true }),
      )
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      await fresh.kill9()
      await restoring
      await fresh.boot()
      const owner = await fresh.client()
      const { items } = await owner.call('users.list', {})
      if (items.length === 0) {
        expect(byteSearch(fresh.home, 'the canary of number'), `killed after ${afterMs} ms`).toEqual([])
        continue
      }
      whole++
      expect(await titles(await signedIn(fresh, ann.did))).toHaveLength(20)
      await owner.call('users.delete', { did: ann.did, confirm: ann.did })
    }
    console.log(`killed six times while restoring: ${whole} whole, ${6 - whole} not there`)
  })
})
