import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { type DevicePair, devicePair, spaceOf, untilAlike } from '../support/device-pair.ts'
import { allPages } from '../support/reference-fold.ts'
import { seededRandom } from '../support/seed.ts'
import type { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const KILLS = 20
/** Enough that none has more tags than a person would give it. */
const CONVERSATIONS = 400
/** Calls of 100 operations each that a device makes while the other is down. */
const BULK_CALLS = 30
const CHECK_EVERY = 5
/** The kill comes at a random moment of this time after the two have met. */
const DELAY_MS = 900

describe('kill -9 in the middle of synchronising', { timeout: 600_000 }, () => {
  let pair: DevicePair
  beforeAll(async () => {
    pair = await devicePair()
  }, 120_000)
  afterAll(() => pair?.[Symbol.asyncDispose]())

  test(`${KILLS} kills while both write: both come to hold the same, and nothing acknowledged is lost`, async () => {
    const random = seededRandom('sync kills')
    const ids: string[] = []
    for (let n = 0; n < CONVERSATIONS; n++) ids.push(await capture(pair.devices[0].client, n))
    await untilAlike(pair.devices)
    const writers = pair.devices.map(({ node }, side) => new Writer(node, pair.did, ids, `side${side}`))
    const readyMs: number[] = []
    const alikeMs: number[] = []
    const left: number[] = []
    const moved: string[] = []
    // Each side dies ten times, in an order nobody planned.
    const victims = Array.from({ length: KILLS }, (_, n) => ({ side: n % 2, at: random.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ side }) => side)
    for (const writer of writers) writer.go()

    // The first to be down: from then on each kill leaves one side behind.
    let down = 0
    await pair.devices[down]!.node.kill9()
    for (const [kill, victim] of victims.entries()) {
      const survivor = writers[1 - down]!
      const started = performance.now()
      const boot = pair.devices[down]!.node.boot().then(() => readyMs.push(performance.now() - started))
      await Promise.all([boot, survivor.bulk(BULK_CALLS, `k${kill}`)])
      left.push(await gapTo(survivor))
      await pause(random.next() * DELAY_MS)
      await pair.devices[victim]!.node.kill9()
      // The one that was killed cannot say how far it came.
      moved.push(victim === down ? String(left.at(-1)! - (await gapOf(survivor))) : '?')
      down = victim
      if ((kill + 1) % CHECK_EVERY !== 0) continue
      const again = performance.now()
      await pair.devices[down]!.node.boot()
      readyMs.push(performance.now() - again)
      await Promise.all(writers.map((writer) => writer.rest()))
      alikeMs.push(await untilAlike(await sessions(pair), 100_000))
      for (const { client } of await sessions(pair)) expect(lostOf(writers, await tagsOf(client))).toEqual([])
      if (kill + 1 === KILLS) break
      for (const writer of writers) writer.go()
      await pair.devices[down]!.node.kill9()
    }

    const [a, b] = await sessions(pair)
    for (const { client } of [a, b])
      expect(await client.call('sync.verify', {}, { timeoutMs: 120_000 })).toMatchObject({
        ok: true,
        problems: [],
      })
    const acknowledged = writers.map(({ acknowledged }) => acknowledged.size)
    expect(Math.min(...acknowledged)).toBeGreaterThan(KILLS * 100)
    const { operations } = await spaceOf(a)
    const show = (all: readonly number[]) => all.map((value) => value.toFixed(0)).join(' ')
    console.log(
      `${operations} operations, acknowledged by each side ${acknowledged.join(' and ')}\n` +
        `operations missing when they met: ${show(left)}\n` +
        `of these acknowledged by the one that died: ${moved.join(' ')}\n` +
        `ready after kill -9, ms: ${show(readyMs)}\nthe same on both after, ms: ${show(alikeMs)}`,
    )
    expect(Math.max(...readyMs)).toBeLessThan(20_000) // the goal is 2,000; a shared machine gets ten times that
  })
})

/** Somebody who adds tags on one device, goes on after its node was killed, and remembers what was acknowledged. */
class Writer {
  readonly acknowledged = new Set<string>()
  readonly #node: TestNode
  readonly #did: string
  readonly #ids: readonly string[]
  readonly #name: string
  #client: Client | undefined
  #going = false
  #run: Promise<void> = Promise.resolve()
  #written = 0

  constructor(node: TestNode, did: string, ids: readonly string[], name: string) {
    this.#node = node
    this.#did = did
    this.#ids = ids
    this.#name = name
  }

  go(): void {
    this.#going = true
    this.#run = this.#write()
  }

  /** Resolves when nothing of it is under way. */
  async rest(): Promise<void> {
    this.#going = false
    await this.#run
  }

  /** Many operations in few calls. Not for a device that is being killed. */
  async bulk(calls: number, label: string): Promise<void> {
    const client = await this.session()
    for (let call = 0; call < calls; call++)
      await this.#tag(
        client,
        this.#id(call),
        Array.from({ length: 100 }, (_, n) => `${this.#name}-${label}-${call * 100 + n}`),
      )
  }

  /** A session on the node as it runs now. */
  async session(): Promise<Client> {
    this.#client ??= await signedIn(this.#node, this.#did)
    return this.#client
  }

  async #write(): Promise<void> {
    while (this.#going) {
      try {
        const number = this.#written++
        await this.#tag(await this.session(), this.#id(number), [`${this.#name}-${number}`])
        await pause(15)
      } catch {
        // Its node was killed; what was not acknowledged is nobody's.
        await this.#client?.close().catch(() => {})
        this.#client = undefined
        await pause(50)
      }
    }
  }

  async #tag(client: Client, id: string, add: string[]): Promise<void> {
    await client.call('conversations.tag', { id, add })
    for (const tag of add) this.acknowledged.add(`${id} ${tag}`)
  }

  #id(number: number): string {
    return this.#ids[number % this.#ids.length]!
  }
}

async function signedIn(node: TestNode, did: string): Promise<Client> {
  const client = await node.client()
  await client.login({ did })
  return client
}

async function sessions({ devices, did }: DevicePair) {
  const [a, b] = await Promise.all(devices.map(async ({ node }) => ({ client: await signedIn(node, did) })))
  return [a!, b!] as const
}

/** Waits until the two have met again; answers how many operations the other lacks by its own word. */
async function gapTo(survivor: Writer): Promise<number> {
  const client = await survivor.session()
  const [other] = await until('the devices meet', async () => {
    const { items } = await client.call('sync.cursors')
    return items[0]?.connected && items
  })
  return other!.behind
}

async function gapOf(survivor: Writer): Promise<number> {
  const { items } = await (await survivor.session()).call('sync.cursors')
  return items[0]!.behind
}

async function tagsOf(client: Client): Promise<Set<string>> {
  const items = await allPages(client, 'conversations.list')
  return new Set(items.flatMap(({ id, tags }) => tags.map((tag) => `${id} ${tag}`)))
}

function lostOf(writers: readonly Writer[], present: ReadonlySet<string>): string[] {
  return writers.flatMap(({ acknowledged }) => [...acknowledged].filter((tag) => !present.has(tag)))
}

async function capture(client: Client, n: number): Promise<string> {
  const { conversationId } = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: `c${n}`,
      title: `Conversation ${n}`,
      messages: [
        { id: `${n}`, role: 'user', parts: [{ type: 'text', content: `Which note is number ${n}?` }] },
      ],
    },
  })
  return conversationId
}
