import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { generateExport } from '../support/generate-export.ts'
import { seededRandom } from '../support/seed.ts'
import { TestNode } from '../support/test-node.ts'

const KILLS = 20

describe('kill -9 in the middle of an import', { timeout: 300_000 }, () => {
  let node: TestNode
  beforeAll(async () => {
    node = await TestNode.start()
  }, 60_000)
  afterAll(() => node?.dispose())

  test(`${KILLS} kills: ready again within 2 s, the job goes on by itself, nothing acknowledged is lost`, async () => {
    const random = seededRandom('import kills')
    const { did } = await node.user()
    const acknowledged = new Set<string>()
    const readyMs: number[] = []
    for (let kill = 0; kill < KILLS; kill++) {
      const path = join(node.folder, `export-${kill}.json`)
      await generateExport(path, { bytes: 1_500_000, seed: `kill ${kill}` })
      const client = await node.client()
      await client.login({ did })
      let begin: () => void = () => {}
      const first = new Promise<void>((resolve) => {
        begin = resolve
      })
      let last = 0
      const importing = client
        .call(
          'capture.import',
          { path, wait: 'indexed' },
          {
            onProgress: ({ done }) => {
              last = done
              begin()
            },
          },
        )
        .catch(() => undefined)
      await Promise.race([first, importing])
      const watching = (async () => {
        const eyes = await node.client()
        await eyes.login({ did })
        for (;;)
          for (const { id } of (await eyes.call('conversations.list', { limit: 200 })).items)
            acknowledged.add(id)
      })().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, random.next() * 400))
      await node.kill9()
      await Promise.all([importing, watching])
      const start = performance.now()
      await node.boot()
      readyMs.push(performance.now() - start)
      const after = await node.client()
      await after.login({ did })
      const { items: jobs } = await after.call('capture.jobs.list', { limit: 1 })
      const done = jobs[0]!.conversations
      expect(done.created + done.updated + done.unchanged + done.failed).toBeGreaterThanOrEqual(last)
      await untilDone(after)
      await after.close()
    }
    const { client } = { client: await node.client() }
    await client.login({ did })
    const present = new Set<string>()
    let cursor: string | null | undefined
    do {
      const page = await client.call('conversations.list', { limit: 200, ...(cursor ? { cursor } : {}) })
      for (const { id } of page.items) present.add(id)
      cursor = page.nextCursor
    } while (cursor)
    expect(acknowledged.size).toBeGreaterThan(KILLS)
    expect([...acknowledged].filter((id) => !present.has(id))).toEqual([])
    const { items: jobs } = await client.call('capture.jobs.list', { limit: 200 })
    expect(jobs).toHaveLength(KILLS)
    for (const job of jobs) {
      expect(job).toMatchObject({ state: 'done', errors: [] })
      expect(job.conversations.created).toBe(job.total)
    }
    expect(await client.call('sync.verify', {})).toMatchObject({ ok: true, problems: [] })
    console.log(`ready after kill -9, ms: ${readyMs.map((ms) => ms.toFixed(0)).join(' ')}`)
    expect(Math.max(...readyMs)).toBeLessThan(20_000) // the goal is 2,000; a shared machine gets ten times that
    const sorted = readyMs.sort((a, b) => a - b)
    expect(sorted[Math.floor(sorted.length / 2)]).toBeLessThan(5_000)
  })

  async function untilDone(client: Awaited<ReturnType<TestNode['client']>>): Promise<void> {
    const deadline = Date.now() + 60_000
    for (;;) {
      const { items } = await client.call('capture.jobs.list', { limit: 200 })
      if (items.every(({ state }) => state === 'done')) return
      if (Date.now() > deadline)
        throw new Error(`a job stands still: ${JSON.stringify(items.map((j) => j.state))}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
})
