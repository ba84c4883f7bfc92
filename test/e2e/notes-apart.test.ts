import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { type DevicePair, devicePair, untilAlike } from '../support/device-pair.ts'
import type { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

/** Times that one of the two is killed while both write into one note. */
const KILLS = 4

describe('one note on two devices', { timeout: 300_000 }, () => {
  let pair: DevicePair
  beforeAll(async () => {
    pair = await devicePair()
  }, 120_000)
  afterAll(() => pair?.[Symbol.asyncDispose]())

  const session = async (node: TestNode): Promise<Client> => {
    const client = await node.client()
    await client.login({ did: pair.did })
    return client
  }
  const sessions = async () => {
    const clients = await Promise.all(pair.devices.map(({ node }) => session(node)))
    return clients as [Client, Client]
  }
  const alike = async () => {
    const [a, b] = await sessions()
    await untilAlike([{ client: a }, { client: b }], 100_000)
  }
  const noteOn = async (client: Client, notebookId: string) =>
    (await client.call('notebooks.get', { id: notebookId })).entries[0]!

  test('edited on both while apart, one killed in between: both see both edits', async () => {
    const [first, second] = pair.devices
    const { id: notebookId } = await first.client.call('notebooks.create', { name: 'Tea' })
    const { id } = await first.client.call('notebooks.entries.add', {
      notebookId,
      text: 'Steep green tea for two minutes.',
    })
    await alike()
    await second.node.kill9()
    await first.client.call('notebooks.entries.edit', {
      id,
      edits: [{ at: 6, delete: 5, insert: 'white' }],
      tally: 1,
    })
    await first.node.kill9()
    await second.node.boot()
    const onSecond = await session(second.node)
    expect((await noteOn(onSecond, notebookId)).body).toBe('Steep green tea for two minutes.')
    await onSecond.call('notebooks.entries.edit', {
      id,
      text: 'Steep green tea for three minutes.',
      tally: 2,
    })
    await second.node.kill9()
    await Promise.all([first.node.boot(), second.node.boot()])
    await alike()
    for (const client of await sessions()) {
      expect(await noteOn(client, notebookId)).toMatchObject({
        body: 'Steep white tea for three minutes.',
        tally: 3,
      })
      expect(await client.call('sync.verify', {}, { timeoutMs: 60_000 })).toMatchObject({ ok: true })
    }
  })

  test(`both write into it without end, ${KILLS} kills: no word and no count that was acknowledged is lost`, async () => {
    const [owner] = await sessions()
    const { id: notebookId } = await owner.call('notebooks.create', { name: 'Log' })
    const { id } = await owner.call('notebooks.entries.add', { notebookId, text: 'begin\nend' })
    await alike()
    const words = new Set<string>()
    let counted = 0
    let unsure = 0
    let going = true
    const write = async (side: number) => {
      const { node } = pair.devices[side]!
      let client: Client | undefined
      for (let n = 0; going; n++) {
        const word = `w${side}x${n}`
        try {
          client ??= await session(node)
        } catch {
          await pause(50)
          continue
        }
        try {
          await client.call('notebooks.entries.edit', {
            id,
            edits: [{ at: 6, delete: 0, insert: `${word}\n` }],
            tally: 1,
          })
          words.add(word)
          counted++
        } catch {
          // Its node was killed: what was not acknowledged may be there or not.
          unsure++
          await client.close().catch(() => {})
          client = undefined
        }
      }
    }
    const writers = [write(0), write(1)]
    for (let kill = 0; kill < KILLS; kill++) {
      const before = words.size
      await until('both have gone on writing', async () => words.size > before + 40)
      const { node } = pair.devices[kill % 2]!
      await node.kill9()
      await node.boot()
    }
    going = false
    await Promise.all(writers)
    await alike()
    const shown = await Promise.all((await sessions()).map((client) => noteOn(client, notebookId)))
    expect(shown[0]).toEqual(shown[1])
    const lines = shown[0]!.body.split('\n')
    expect([lines[0], lines.at(-1)]).toEqual(['begin', 'end'])
    expect([...words].filter((word) => !lines.includes(word))).toEqual([])
    // No word twice, and none that nobody wrote.
    expect(new Set(lines).size).toBe(lines.length)
    expect(lines.length).toBeLessThanOrEqual(2 + words.size + unsure)
    expect(shown[0]!.tally).toBeGreaterThanOrEqual(counted)
    expect(shown[0]!.tally).toBeLessThanOrEqual(counted + unsure)
    for (const client of await sessions())
      expect(await client.call('sync.verify', {}, { timeoutMs: 60_000 })).toMatchObject({ ok: true })
    console.log(`${counted} edits acknowledged, ${unsure} unknown, ${lines.length - 2} words in the note`)
  })

  test('erased on one, no byte of it is left on the other', async () => {
    const [a, b] = await sessions()
    const { id: notebookId } = await a.call('notebooks.create', { name: 'quiet-harbour' })
    const { id } = await a.call('notebooks.entries.add', { notebookId, text: 'silver-lantern' })
    await a.call('notebooks.entries.edit', { id, text: 'copper-lantern' })
    await alike()
    expect((await noteOn(b, notebookId)).body).toBe('copper-lantern')
    await b.call('notebooks.delete', { id: notebookId, erase: true })
    await alike()
    await until('it is gone on both', async () => {
      const erasures = await a.call('sync.erasures', {})
      return erasures.items.every(({ devices }) => devices.every(({ purged }) => purged))
    })
    for (const { node } of pair.devices)
      for (const word of ['quiet-harbour', 'silver-lantern', 'copper-lantern'])
        expect(byteSearch(node.home, word)).toEqual([])
  })
})
