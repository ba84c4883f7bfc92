import { spawnSync } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ImportOrder, ImportOutcome } from '../../support/import-child.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { testRandom } from '../../support/seed.ts'

const KILLS = process.env.VIVIM_TEST_LONG === '1' ? 50 : 10
const CHILD = join(REPOSITORY, 'test', 'support', 'import-child.ts')
/** Conversations, files of every form, a broken line and skipped entries. */
const SOURCE = join(REPOSITORY, 'test', 'fixtures')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivim-import-kill-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const keys = {
  deviceKey: generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  vaultKey: randomBytes(32).toString('base64'),
  spaceSecret: randomBytes(32).toString('base64'),
}

function run(name: string, killAt: number): { outcome?: ImportOutcome; killed: boolean } {
  const home = join(folder, name)
  mkdirSync(home, { recursive: true })
  const order: ImportOrder = { path: join(home, 'vault.db'), source: SOURCE, killAt, ...keys }
  const file = join(home, 'order.json')
  writeFileSync(file, JSON.stringify(order))
  const child = spawnSync(process.execPath, [CHILD, file], { encoding: 'utf8', timeout: 120_000 })
  if (child.signal === 'SIGKILL') return { killed: true }
  if (child.status !== 0) throw new Error(child.stderr)
  return { outcome: JSON.parse(child.stdout) as ImportOutcome, killed: false }
}

describe('kill -9 in an import', { timeout: 1_800_000 }, () => {
  test(`${KILLS} random points: gone on with, it is the import that was not disturbed`, () => {
    const random = testRandom()
    const { outcome: undisturbed } = run('undisturbed', 0)
    expect(undisturbed!.changes).toBeGreaterThan(100)
    expect(undisturbed!.counts).toMatchObject({
      state: 'done',
      conversations: { failed: 1, updated: expect.any(Number) },
    })
    for (let kill = 0; kill < KILLS; kill++) {
      const at = 1 + random.integer(undisturbed!.changes)
      const name = `kill-${kill}`
      expect(run(name, at).killed, `killed before change ${at}`).toBe(true)
      const { outcome } = run(name, 0)
      expect(outcome!.counts, `after a kill at ${at}`).toEqual(undisturbed!.counts)
      expect(outcome!.digest, `after a kill at ${at}`).toBe(undisturbed!.digest)
    }
  })
})
