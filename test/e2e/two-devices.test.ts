import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import type { Result } from '../../schema/methods/index.ts'
import { packChatgpt } from '../demo/samples/pack.ts'
import {
  type DevicePair,
  devicePair,
  online,
  spaceOf,
  untilAlike,
  untilDerived,
} from '../support/device-pair.ts'
import {
  allOperations,
  allPages,
  conversationsOf,
  conversationsShown,
  foldByArrival,
  foldByStamp,
  type ShownOperation,
} from '../support/reference-fold.ts'
import { type SeededRandom, testRandom } from '../support/seed.ts'
import { shared } from '../support/shared.ts'
import { until } from '../support/until.ts'

const CONVERSATIONS = 20
const WRITES = 1_000
const SKEW_MS = 3_000
/** The goal is 5 s; a shared machine gets ten times that. */
const ALIKE_WITHIN_MS = 50_000

const TAGS = ['home', 'work', 'later', 'garden', 'recipe', 'todo'] as const

describe('two devices of one person', { timeout: 300_000 }, () => {
  let pair: DevicePair
  let one: Client
  let two: Client
  beforeAll(async () => {
    pair = await devicePair({ env: [{}, { VIVIM_TEST_CLOCK_OFFSET_MS: String(SKEW_MS) }] })
    one = pair.devices[0].client
    two = pair.devices[1].client
  }, 120_000)
  afterAll(() => pair?.[Symbol.asyncDispose]())

  test('know each other after pairing', async () => {
    for (const [at, { client, deviceDid }] of pair.devices.entries()) {
      const { items } = await client.call('devices.list')
      expect(items[0]).toMatchObject({ deviceDid, thisDevice: true })
      expect(items.map((item) => item.deviceDid).sort()).toEqual(
        pair.devices.map((device) => device.deviceDid).sort(),
      )
      expect(items[1]?.deviceDid).toBe(pair.devices[1 - at]?.deviceDid)
    }
  })

  test(`${WRITES} writes each on the same rows while apart: the same on both, and what a separate fold predicts`, async () => {
    const random = testRandom()
    const ids: string[] = []
    for (let n = 0; n < CONVERSATIONS; n++) ids.push(await capture(one, n))
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    const before = (await spaceOf(pair.devices[0])).operations

    await online(pair.devices[1], false)
    await Promise.all([
      writeAtRandom(one, ids, random, 'one', before),
      writeAtRandom(two, ids, random, 'two', before),
    ])
    const [here, there] = await Promise.all([allOperations(one), allOperations(two)])
    expect((await spaceOf(pair.devices[0])).stateDigest).not.toBe(
      (await spaceOf(pair.devices[1])).stateDigest,
    )

    const began = performance.now()
    await online(pair.devices[1], true)
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    const elapsed = performance.now() - began

    const everything = [...here, ...there]
    const expected = conversationsOf(foldByStamp(everything))
    // Otherwise the comparison below would prove nothing.
    expect(conversationsOf(foldByArrival(everything))).not.toEqual(expected)
    expect(conversationsOf(foldByArrival([...there, ...here]))).not.toEqual(expected)
    expect(conversationsOf(foldByStamp(here))).not.toEqual(expected)
    expect(conversationsOf(foldByStamp(there))).not.toEqual(expected)
    const conflicts = conflictsOf(here, there)
    expect(conflicts.cells).toBeGreaterThanOrEqual(CONVERSATIONS)
    expect(conflicts.deletedAndWritten).toBeGreaterThan(0)

    for (const { client } of pair.devices) expect(await conversationsShown(client)).toEqual(expected)
    const [a, b] = await Promise.all([allOperations(one), allOperations(two)])
    const known = new Set(everything.map(nameOf))
    for (const all of [a, b]) expect(new Set(all.map(nameOf))).toEqual(known)
    for (const { client } of pair.devices)
      expect(await client.call('sync.verify', {}, { timeoutMs: 60_000 })).toMatchObject({
        ok: true,
        problems: [],
      })
    console.log(
      `${known.size} operations, ${conflicts.cells} cells written on both, ${conflicts.deletedAndWritten} rows deleted on one and written on the other: alike ${elapsed.toFixed(0)} ms after reconnecting`,
    )
  })

  test('every conversation reads the same on both, and both find the same', async () => {
    // The writes may have left none of the others where a search looks: in the trash, or archived.
    await capture(one, CONVERSATIONS)
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    await sameContent(pair)
    // Topics follow some time after the units.
    for (const query of ['sourdough oven', 'battery', 'note 7'])
      await until(`both find the same for ${query}`, async () =>
        isDeepStrictEqual(await found(two, query), await found(one, query)),
      )
    expect(await found(one, 'sourdough oven')).not.toEqual([])
    await sameDerived(pair)
  })

  test('an import on one appears on the other', async () => {
    const chatgpt = join(pair.devices[0].node.folder, 'chatgpt.zip')
    await packChatgpt(chatgpt)
    const paths = [
      chatgpt,
      shared('exports/chatgpt/polylogue__fixtures__origin-capability__chatgpt-export.json'),
      shared('exports/claude-ai/polylogue__fixtures__origin-capability__claude-ai-export.json'),
    ].filter((path) => path !== undefined)
    const before = (await two.call('conversations.stats')).conversations
    let imported = 0
    const began = performance.now()
    for (const path of paths) {
      const { report } = await one.call('capture.import', { path, wait: 'indexed' }, { timeoutMs: 60_000 })
      expect(report).toMatchObject({ state: 'done', errors: [] })
      imported += report?.conversations.created ?? 0
    }
    expect(imported).toBeGreaterThan(10)
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    console.log(
      `${imported} conversations imported and on both: ${(performance.now() - began).toFixed(0)} ms`,
    )
    expect((await two.call('conversations.stats')).conversations).toBe(before + imported)
    await sameContent(pair)
    await sameDerived(pair)
  })

  test('what is erased on one is gone on the other', async () => {
    const [item] = (await one.call('conversations.list', { limit: 1 })).items
    await one.call('conversations.delete', { id: item!.id, erase: true })
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    for (const { client } of pair.devices)
      await expect(client.call('conversations.get', { id: item!.id })).rejects.toMatchObject({
        code: 'NotFound',
      })
    await sameDerived(pair)
  })

  test('a name given to a device on one is shown on the other, and sync.now says that all is in step', async () => {
    const { deviceDid } = pair.devices[1]
    await one.call('devices.rename', { deviceDid, name: 'The phone' })
    await untilAlike(pair.devices, ALIKE_WITHIN_MS)
    expect((await two.call('devices.list')).items[0]).toMatchObject({ name: 'The phone', thisDevice: true })
    expect(await one.call('sync.now', { peer: 'The phone' })).toMatchObject({
      devices: [{ deviceDid, state: 'in-sync' }],
    })
    const cursors = await one.call('sync.cursors')
    expect(cursors.items).toMatchObject([{ deviceDid, name: 'The phone', connected: true, behind: 0 }])
    await online(pair.devices[1], false)
    expect(await one.call('sync.now')).toMatchObject({ devices: [{ deviceDid, state: 'unreachable' }] })
    await online(pair.devices[1], true)
  })
})

async function capture(client: Client, n: number): Promise<string> {
  const words = ['sourdough oven', 'battery inverter', 'garden tomato', 'train to Lisbon'][n % 4]!
  const { conversationId } = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: `c${n}`,
      title: `Note ${n} about the ${words}`,
      createdAt: Date.UTC(2026, 0, 1 + n),
      messages: [
        {
          id: `${n}-q`,
          role: 'user',
          parts: [{ type: 'text', content: `How do I plan the ${words}, note ${n}?` }],
        },
        {
          id: `${n}-a`,
          role: 'assistant',
          parts: [
            {
              type: 'text',
              content: `Begin note ${n} with the ${words} and measure it twice before you go on.`,
            },
          ],
        },
      ],
    },
  })
  return conversationId
}

/** Writes until this device has made that many operations more; all refusals but "it is in the trash" fail. */
async function writeAtRandom(
  client: Client,
  ids: readonly string[],
  random: SeededRandom,
  device: string,
  before: number,
): Promise<void> {
  const actions: readonly ((id: string, n: number) => Promise<unknown>)[] = [
    (id, n) => client.call('conversations.rename', { id, title: `Title ${n} from ${device}` }),
    (id, n) => client.call('conversations.rename', { id, title: `Name ${n} from ${device}` }),
    (id) => client.call('conversations.tag', { id, add: [random.pick(TAGS)] }),
    (id) => client.call('conversations.tag', { id, add: [random.pick(TAGS)], remove: [random.pick(TAGS)] }),
    (id) => client.call('conversations.tag', { id, remove: [random.pick(TAGS)] }),
    (id) => client.call('conversations.archive', { id }),
    (id) => client.call('conversations.unarchive', { id }),
    (id) => client.call('conversations.delete', { id }),
    (id) => client.call('conversations.restore', { id }),
    (id) => client.call('conversations.restore', { id }),
  ]
  // Longer than the clocks are apart, or everything of one device would be later than all of the other's.
  const earliest = performance.now() + 2 * SKEW_MS
  for (let n = 0; ; n++) {
    if (n % 50 === 0) {
      const [space] = (await client.call('sync.status')).spaces
      if (space!.operations >= before + WRITES && performance.now() > earliest) return
    }
    try {
      await random.pick(actions)(random.pick(ids), n)
    } catch (error) {
      if ((error as { code?: string }).code !== 'NotFound') throw error
    }
  }
}

const nameOf = ({ deviceDid, hlcTimestamp }: ShownOperation) => `${hlcTimestamp} ${deviceDid}`

/** How much the two wrote against each other while apart. */
function conflictsOf(here: readonly ShownOperation[], there: readonly ShownOperation[]) {
  const [mine, theirs] = [here, there].map((all) => new Set(all.map(nameOf)))
  const a = here.filter((operation) => !theirs!.has(nameOf(operation)))
  const b = there.filter((operation) => !mine!.has(nameOf(operation)))
  const cells = (all: readonly ShownOperation[]) =>
    new Set(
      all.flatMap(({ tableName, recordId, operation, payload }) =>
        (operation.endsWith('DELETE') ? ['deleted'] : Object.keys(payload ?? {})).map(
          (column) => `${tableName} ${recordId} ${column}`,
        ),
      ),
    )
  const rows = (all: readonly ShownOperation[], wanted: (operation: string) => boolean) =>
    new Set(all.filter(({ operation }) => wanted(operation)).map(({ recordId }) => recordId))
  const deleted = rows(a, (operation) => operation === 'DELETE')
  const written = rows(b, (operation) => operation === 'UPDATE')
  const cellsThere = cells(b)
  return {
    cells: [...cells(a)].filter((cell) => cellsThere.has(cell)).length,
    deletedAndWritten: [...deleted].filter((row) => written.has(row)).length,
  }
}

async function sameContent({ devices }: DevicePair): Promise<void> {
  await Promise.all(devices.map(untilDerived))
  const [a, b] = await Promise.all(devices.map(({ client }) => allPages(client, 'conversations.list')))
  expect(b).toEqual(a)
  expect(await allPages(devices[1].client, 'conversations.trash')).toEqual(
    await allPages(devices[0].client, 'conversations.trash'),
  )
  for (const { id } of a!) {
    const [here, there] = await Promise.all(
      devices.map(({ client }) => client.call('conversations.get', { id, reveal: true })),
    )
    expect(there).toEqual(here)
    expect(here!.messages.length).toBeGreaterThan(0)
  }
}

/** Units, links and topics: as they are after what came in, and as they are made anew. */
async function sameDerived({ devices }: DevicePair): Promise<void> {
  await Promise.all(devices.map(untilDerived))
  const [a, b] = await Promise.all(devices.map(({ client }) => allUnits(client)))
  expect(b).toEqual(a)
  const [here, there] = await Promise.all(devices.map(({ client }) => client.call('sync.rebuild')))
  expect(there).toEqual(here)
  expect(here!.units).toBe(a!.length)
}

async function allUnits(client: Client): Promise<object[]> {
  const all: object[] = []
  for (let cursor: string | null = null; ; ) {
    const page: Result<'acus.list'> = await client.call('acus.list', {
      limit: 200,
      ...(cursor === null ? {} : { cursor }),
    })
    all.push(...page.items)
    cursor = page.nextCursor
    if (cursor === null) return all.sort((x, y) => (JSON.stringify(x) < JSON.stringify(y) ? -1 : 1))
  }
}

async function found(client: Client, query: string): Promise<unknown[]> {
  const { items } = await client.call('search.query', { query })
  return items.map(({ id, kind }) => ({ id, kind }))
}
