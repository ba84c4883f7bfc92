import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { peakResidentMb } from '../bench/resident.ts'
import { generateExport } from '../support/generate-export.ts'
import { TestNode } from '../support/test-node.ts'

const MEGABYTES = process.env.VIVIM_TEST_LONG === '1' ? 200 : 30

describe('a large export', () => {
  test(`${MEGABYTES} MB imports in less than 400 MB of memory`, { timeout: 1_800_000 }, async () => {
    await using node = await TestNode.start({ deadlineMs: 60_000 })
    const { client } = await node.user()
    const path = join(node.folder, 'conversations.json')
    await generateExport(path, { bytes: MEGABYTES * 1e6, seed: 'large' })
    const { report } = await client.call('capture.import', { path, wait: 'stored' }, { timeoutMs: 1_800_000 })
    expect(report).toMatchObject({ state: 'done', errors: [] })
    expect(report!.conversations.created).toBe(report!.total)
    const peak = peakResidentMb(node.pid)
    console.log(`peak resident memory of a ${MEGABYTES} MB import: ${peak.toFixed(0)} MB`)
    expect(peak).toBeLessThan(400)
  })
})
