import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Keystore } from '../../../daemon/identity/keystore.ts'
import { UserDatabaseManager } from '../../../daemon/users/user-database-manager.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { command, commandsInThread } from '../../support/command-hosts.ts'
import { random } from './two-nodes.ts'

const CHILD = fileURLToPath(new URL('./paired-life-child.ts', import.meta.url))
const KILLS = process.env.VIVIM_TEST_LONG === '1' ? Number.POSITIVE_INFINITY : 14

/** Runs the child in the folder; answers how many changes it made, undefined when it was killed. */
function live(folder: string, killAt: number): number | undefined {
  const { stdout, signal, stderr } = spawnSync(process.execPath, [CHILD, folder, String(killAt)], {
    encoding: 'utf8',
    timeout: 50_000,
  })
  if (signal === null && stderr !== '') throw new Error(stderr)
  return stdout === '' ? undefined : (JSON.parse(stdout) as { changes: number }).changes
}

/** Who is there for the next process, each with keys and a database that answers. */
async function usersAfterwards(folder: string): Promise<number> {
  const users = new UserDatabaseManager({
    usersFolder: join(folder, 'users'),
    keystore: new Keystore({ folder: join(folder, 'keys'), now: Date.now, random }),
    openHost: commandsInThread,
    now: Date.now,
    random,
    log: { error: () => {}, warn: () => {} },
  })
  await users.sweep()
  const all = users.list()
  for (const { did } of all) await command(await users.getClient(did), 'read')
  await users.closeAll()
  return all.length
}

describe('a process killed at any change of the file system', () => {
  it('while a pairing makes its user leaves no user or a whole one', async () => {
    const folders: string[] = []
    const inFolder = () => {
      const folder = mkdtempSync(join(tmpdir(), 'vivim-paired-life-'))
      folders.push(folder)
      return folder
    }
    try {
      const changes = live(inFolder(), 0)!
      expect(changes).toBeGreaterThan(20)
      const step = Math.max(1, changes / KILLS)
      const outcomes = { none: 0, whole: 0 }
      for (let at = 1; at <= changes; at += step) {
        const folder = inFolder()
        const said = live(folder, Math.floor(at))
        const left = await usersAfterwards(folder)
        expect(left, `killed at ${at} of ${changes}`).toBeLessThanOrEqual(1)
        if (said !== undefined) expect(left).toBe(1)
        if (left === 0) {
          expect(byteSearch(folder, 'Rosalind Canary')).toEqual([])
          expect(readdirSync(join(folder, 'keys'))).toEqual([])
        }
        outcomes[left === 0 ? 'none' : 'whole']++
      }
      expect(outcomes.none).toBeGreaterThan(3)
    } finally {
      for (const folder of folders) rmSync(folder, { recursive: true, force: true })
    }
  })
})
