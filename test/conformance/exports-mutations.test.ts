import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planExport } from '../../daemon/capture/export-plan.ts'
import { readExport } from '../../daemon/capture/export-reader.ts'
import { captureConversation } from '../../daemon/capture/pipeline.ts'
import { openSource } from '../../daemon/capture/sources/open-source.ts'
import { CaptureConversation } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import { chatgptConversation } from '../demo/samples/chatgpt-export.ts'
import { claudeConversation } from '../demo/samples/claude-export.ts'
import { readSamples } from '../demo/samples/pack.ts'
import { REPOSITORY } from '../support/repository.ts'
import { type SeededRandom, testRandom } from '../support/seed.ts'
import { shared } from '../support/shared.ts'
import { temporaryVault } from '../support/temporary-vault.ts'

const MUTATIONS = process.env.VIVIM_TEST_LONG === '1' ? 100_000 : 2_000
/** Resident memory may grow by this much while files of a few kilobytes are read, however broken. */
const MAX_GROWTH_BYTES = 400e6

/** Good files: our own samples and one or more of every form, and what others wrote where it is present. */
function goodFiles(): Buffer[] {
  const own = [
    readSamples('chatgpt').slice(0, 3).map(chatgptConversation),
    readSamples('claude')
      .slice(3, 6)
      .map((chat) => claudeConversation(chat, 'account')),
  ]
  const folder = shared('exports')
  return [
    ...own.map((conversations) => Buffer.from(JSON.stringify(conversations))),
    ...filesIn(join(REPOSITORY, 'test', 'fixtures'), (name) => !name.endsWith('.expected')),
    ...(folder ? filesIn(folder, (name) => /\.jsonl?$/.test(name)) : []),
  ]
}

function filesIn(folder: string, wanted: (name: string) => boolean): Buffer[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((item) => item.isFile())
  return files
    .filter(({ name }) => wanted(name))
    .map(({ parentPath, name }) => readFileSync(join(parentPath, name)))
}

/** Damage as disks and networks do it. */
function damagedBytes(good: Buffer, random: SeededRandom): Buffer {
  const at = random.integer(good.length)
  const end = Math.min(good.length, at + 1 + random.integer(200))
  switch (random.integer(5)) {
    case 0:
      return good.subarray(0, at)
    case 1:
      return Buffer.concat([good.subarray(0, at), good.subarray(end)])
    case 2:
      return Buffer.concat([good.subarray(0, end), good.subarray(at)])
    case 3:
      return Buffer.concat([good.subarray(0, at), random.bytes(end - at), good.subarray(end)])
    default: {
      const copy = Buffer.from(good)
      copy[at] = random.pick([0, 0x22, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x2c, 0x3a, 0x80, 0xff])
      return copy
    }
  }
}

const WRONG: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'x',
  '\ud800\0',
  [],
  {},
  [[]],
  [null],
  { content_type: 7 },
  '__proto__',
]

/** Valid JSON of the wrong shape: values of other types, missing fields, links to anywhere. Undefined for other files. */
function misshapen(good: Buffer, random: SeededRandom): Buffer | undefined {
  const lines = valuesOf(good)
  if (!lines) return undefined
  const value = lines.length === 1 ? lines[0] : lines
  const places: [holder: Record<string, unknown>, key: string][] = []
  const keys: string[] = []
  const visit = (holder: unknown): void => {
    if (typeof holder !== 'object' || holder === null) return
    for (const [key, inner] of Object.entries(holder)) {
      places.push([holder as Record<string, unknown>, key])
      if (typeof inner === 'string') keys.push(inner)
      visit(inner)
    }
  }
  visit(value)
  for (let change = 1 + random.integer(4); change > 0; change--) {
    const [holder, key] = random.pick(places)
    const kind = random.integer(4)
    if (kind === 0) delete holder[key]
    else if (kind === 1) holder[key] = random.pick(keys)
    else if (kind === 2) holder[key] = structuredClone(random.pick(places)[0])
    else holder[key] = random.pick(WRONG)
  }
  return Buffer.from(
    lines.length === 1 ? JSON.stringify(value) : lines.map((line) => JSON.stringify(line)).join('\n'),
  )
}

/** The one value of a file, or those of its lines. */
function valuesOf(file: Buffer): unknown[] | undefined {
  const text = file.toString('utf8')
  for (const pieces of [[text], text.trim().split('\n')])
    try {
      return pieces.map((piece) => JSON.parse(piece) as unknown)
    } catch {}
  return undefined
}

describe('damaged exports', () => {
  test(`${MUTATIONS} mutations: never a crash, only known errors, and what is read is canonical and can be stored`, {
    timeout: 3_600_000,
  }, async () => {
    const random = testRandom()
    const good = goodFiles()
    const before = process.memoryUsage().rss
    using vaults = temporaryVault()
    const { vault } = vaults
    const outcome = { refused: 0, broken: 0, read: 0, stored: 0 }
    for (let run = 0; run < MUTATIONS; run++) {
      const file = random.pick(good)
      const bytes = (random.next() < 0.5 ? undefined : misshapen(file, random)) ?? damagedBytes(file, random)
      try {
        const source = await openSource({ data: bytes }, [])
        for await (const item of readExport(source, await planExport(source))) {
          if (item.kind !== 'parsed') {
            if (item.kind === 'broken') outcome.broken++
            continue
          }
          for (const conversation of item.parsed.conversations) {
            outcome.read++
            const checked = CaptureConversation.safeParse(conversation)
            expect(checked.error, `run ${run}`).toBeUndefined()
            if (run % 10 !== 0) continue
            vault.transact((tx) =>
              captureConversation(tx, vault, conversation, { again: false, capturedAt: 1 }),
            )
            outcome.stored++
          }
        }
      } catch (error) {
        if (!(error instanceof VivimError)) throw error
        expect(['InvalidParams', 'Corrupt']).toContain(error.code)
        outcome.refused++
      }
    }
    console.log(`mutated exports: ${JSON.stringify(outcome)}`)
    expect(process.memoryUsage().rss - before).toBeLessThan(MAX_GROWTH_BYTES)
    for (const count of Object.values(outcome)) expect(count).toBeGreaterThan(MUTATIONS / 60)
  })
})
