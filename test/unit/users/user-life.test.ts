import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Keystore } from '../../../daemon/identity/keystore.ts'
import { userHash } from '../../../daemon/identity/user-hash.ts'
import { UserDatabaseManager } from '../../../daemon/users/user-database-manager.ts'
import { byteSearch, filesBelow } from '../../support/byte-search.ts'
import { command, commandsInThread } from '../../support/command-hosts.ts'
import { testRandom } from '../../support/seed.ts'

const CHILD = fileURLToPath(new URL('../../support/user-life-child.ts', import.meta.url))
const KILLS = process.env.VIVIM_TEST_LONG === '1' ? Number.POSITIVE_INFINITY : 22

type Step = { created?: string; deleted?: string; changes?: number }

/** Runs the child, killed before its n-th change of the file system; answers what it said. */
function live(folder: string, mode: string, killAt: number): { steps: Step[]; killed: boolean } {
  const { stdout, signal, stderr } = spawnSync(process.execPath, [CHILD, folder, mode, String(killAt)], {
    encoding: 'utf8',
    timeout: 50_000,
  })
  if (signal === null && stderr !== '') throw new Error(stderr)
  const lines = stdout.split('\n').filter((line) => line !== '')
  return { steps: lines.map((line) => JSON.parse(line)), killed: signal === 'SIGKILL' }
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'vivim-life-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  const result = work(folder)
  if (result instanceof Promise) return result.finally(remove) as T
  remove()
  return result
}

/** Starts over the folder as the next process would, and answers who is there: each one whole. */
async function usersAfterwards(folder: string): Promise<string[]> {
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
  const keystore = new Keystore({ folder: join(folder, 'keys'), now: Date.now, random })
  const errors: string[] = []
  const users = new UserDatabaseManager({
    usersFolder: join(folder, 'users'),
    keystore,
    openHost: commandsInThread,
    now: Date.now,
    random,
    log: { error: (_details, message) => errors.push(message), warn: () => undefined },
  })
  await users.sweep()
  const dids = users.list().map(({ did }) => did)
  for (const did of dids) await command(await users.getClient(did), 'read')
  await users.closeAll()
  const hashes = dids.map(userHash).sort()
  expect(readdirSync(join(folder, 'keys')).sort()).toEqual(
    hashes.flatMap((hash) => [`${hash}.json`, `${hash}.key`]),
  )
  const folders = readdirSync(join(folder, 'users')).flatMap((aa) => readdirSync(join(folder, 'users', aa)))
  expect(folders.sort()).toEqual(hashes)
  expect(errors).toEqual([])
  return dids
}

/** The numbers of changes to be killed at: all of them, or a spread with a new offset at every run. */
function killPoints(total: number): number[] {
  const random = testRandom()
  const count = Math.min(KILLS, total)
  const step = total / count
  return Array.from({ length: count }, (_, index) =>
    Math.min(total, 1 + Math.floor((index + random.next()) * step)),
  )
}

describe('a process killed at any change of the file system', () => {
  it('while it makes a user leaves no user or a whole one', async () => {
    const { changes = 0 } = inFolder((folder) => live(folder, 'create', 0)).steps.at(-1)!
    expect(changes).toBeGreaterThan(20)
    const outcomes = { none: 0, whole: 0 }
    for (const killAt of killPoints(changes))
      await inFolder(async (folder) => {
        const { steps, killed } = live(folder, 'create', killAt)
        const dids = await usersAfterwards(folder)
        expect(dids.length, `killed at ${killAt} of ${changes}`).toBeLessThanOrEqual(1)
        // Background closing varies by a call or two: the last points may come after the answer.
        if (!killed || steps[0]?.created) expect(dids).toEqual([steps[0]?.created])
        if (dids.length === 0) expect(byteSearch(folder, 'Rosalind Canary')).toEqual([])
        outcomes[dids.length === 0 ? 'none' : 'whole']++
      })
    expect(outcomes.none).toBeGreaterThan(10)
  })

  it('while it deletes a user leaves nothing of them, or a whole user', async () => {
    const { changes = 0 } = inFolder((folder) => live(folder, 'delete', 0)).steps.at(-1)!
    expect(changes).toBeGreaterThan(10)
    let gone = 0
    for (const killAt of killPoints(changes))
      await inFolder(async (folder) => {
        const { steps } = live(folder, 'delete', killAt)
        const dids = await usersAfterwards(folder)
        if (steps.some(({ deleted }) => deleted)) expect(dids).toEqual([])
        if (dids.length === 0) {
          gone++
          for (const canary of ['Rosalind Canary', 'my canary diary', steps[0]!.created!.slice(8)])
            expect(byteSearch(folder, canary), `killed at ${killAt} of ${changes}`).toEqual([])
          expect(filesBelow(folder)).toEqual([])
        } else expect(dids).toEqual([steps[0]?.created])
      })
    expect(gone).toBeGreaterThan(10)
  })
})
