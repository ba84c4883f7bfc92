import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { UserFolder } from '../../daemon/users/user-folder.ts'
import { BootFile } from '../../daemon/vault/boot-file.ts'
import { Database } from '../../daemon/vault/database.ts'
import { type DevicePair, devicePair, type PairedDevice, untilAlike } from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'

/** One runs at a time: copies of a computer have one name on the network. */
describe('the folder of a computer, copied', { timeout: 300_000 }, () => {
  let pair: DevicePair
  let desk: PairedDevice
  let laptop: PairedDevice
  const copies: TestNode[] = []
  const written: string[] = []
  beforeAll(async () => {
    pair = await devicePair()
    desk = pair.devices[0]
    laptop = pair.devices[1]
    await write(desk, 'before')
  }, 120_000)
  afterAll(async () => {
    await Promise.all(copies.map((copy) => copy.dispose()))
    await pair[Symbol.asyncDispose]()
  })

  test('and run beside the first: each goes on in a log of its own, and nothing is lost', async () => {
    await desk.node.stop()
    const copy = copyOf(desk.node)
    desk = await started(desk.node)
    await write(desk, 'on the first')
    await desk.node.stop()
    const other = await started(copy)
    await write(other, 'on the copy')
    await copy.stop()
    desk = await started(desk.node)
    await untilAlike([desk, laptop])
    await expectAll([desk, laptop])
    for (const { client } of [desk, laptop])
      expect(await client.call('sync.forks')).toMatchObject({ items: [] })
  })

  test('and put back later as a backup: what it had lost comes back, and no log is written twice', async () => {
    await desk.node.stop()
    const backup = copyOf(desk.node)
    desk = await started(desk.node)
    await write(desk, 'after the backup')
    await desk.node.stop()
    rmSync(desk.node.home, { recursive: true })
    cpSync(backup.home, desk.node.home, { recursive: true })
    desk = await started(desk.node)
    await write(desk, 'after the restore')
    await expectAll([desk, laptop])
    for (const { client } of [desk, laptop])
      expect(await client.call('sync.forks')).toMatchObject({ items: [] })
  })

  test('in a way that nothing shows: both write one log, which is found, told in words and healed', async () => {
    await desk.node.stop()
    const copy = copyOf(desk.node)
    pretendToBeTheFirst(copy, pair.did)
    desk = await started(desk.node)
    await write(desk, 'by the first')
    await desk.node.stop()
    let other = await started(copy)
    await write(other, 'by its double')
    await copy.stop()
    desk = await started(desk.node)
    await untilAlike([desk, laptop])
    await expectAll([desk, laptop])
    for (const { client, node } of [desk, laptop]) {
      const { items } = await client.call('sync.forks')
      expect(items).toHaveLength(1)
      expect(items[0]!.branches).toHaveLength(2)
      expect(node.run('sync', 'forks').stdout).toMatch(
        /two copies of .+ wrote log [0-9a-f]+ apart from operation \d+ on: both kept, \d+ operations? and \d+ operations?/,
      )
      expect(await client.call('sync.verify')).toMatchObject({ ok: true })
    }
    // Each goes on in a log of its own.
    await write(desk, 'later by the first')
    await desk.node.stop()
    other = await started(copy)
    await write(other, 'later by its double')
    await expectAll([other, laptop])
    for (const { client } of [other, laptop]) expect((await client.call('sync.forks')).items).toHaveLength(1)
  })

  function copyOf(node: TestNode): TestNode {
    const copy = TestNode.create()
    copies.push(copy)
    cpSync(node.home, copy.home, { recursive: true })
    return copy
  }

  async function started(node: TestNode): Promise<PairedDevice> {
    await node.boot()
    const client = await node.client()
    await client.login({ did: pair.did })
    const { deviceDid } = await client.call('auth.whoami')
    return { node, client, deviceDid }
  }

  /** The laptop has it before this ends. */
  async function write(device: PairedDevice, title: string): Promise<void> {
    written.push(title)
    await device.client.call('capture.conversation', {
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: title,
        title,
        messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `All about ${title}.` }] }],
      },
    })
    await untilAlike([device, laptop])
  }

  async function expectAll(devices: readonly PairedDevice[]): Promise<void> {
    for (const { client } of devices) {
      const { items } = await client.call('conversations.list', { limit: 50 })
      expect(items.map(({ title }) => title).sort()).toEqual([...written].sort())
    }
  }
})

/** As a disk image that is started twice: the copy finds the file beside its vault as it left it. */
function pretendToBeTheFirst(copy: TestNode, did: string): void {
  const path = UserFolder.of(join(copy.home, 'users'), did).databasePath
  const database = new Database(path)
  database.run("UPDATE meta SET value = ? WHERE name = 'boot_token'", [new BootFile(path).read()!.token])
  database.close()
}
