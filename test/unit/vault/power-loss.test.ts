import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { openVault } from '../../../daemon/vault/open-vault.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { Disk, RecordedWrites } from '../../support/recorded-writes.ts'
import { testRandom } from '../../support/seed.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const FAILURES = process.env.VIVIM_TEST_LONG ? 2_000 : 400
const TRANSACTIONS = 300

describe('when the power fails', { timeout: 600_000 }, () => {
  test(`at ${FAILURES} moments of the write log the vault opens, is whole and has every acknowledged write`, async () => {
    const random = testRandom()
    using made = temporaryVault({ path: join(mkdtempSync(join(tmpdir(), 'vivim-power-')), 'vault.db') })
    const folder = join(made.options.path, '..')
    made.vault.close()
    for (const name of ['vault.db', 'vault.db-wal']) rmSync(join(folder, name), { force: true })
    const recorded = new RecordedWrites(folder)
    /** State digest after that many transactions. */
    const states = new Map<number, string>()
    try {
      const vault = openVault(made.options)
      const state = () => stateDigest(vault, vault.logs, vault.space)
      states.set(0, state())
      recorded.acknowledge(0)
      for (let n = 1; n <= TRANSACTIONS; n++) {
        const keys = Array.from({ length: 1 + random.integer(4) }, () => `c${random.integer(60)}`)
        vault.transact((tx) => {
          for (const key of new Set(keys)) {
            if (tx.isErased('Conversation', key)) continue
            const title = `title ${n} ${'x'.repeat(random.integer(3_000))}`
            tx.write([{ kind: 'INSERT', entity: 'Conversation', key, values: { title, version: n } }])
          }
        })
        if (n % 60 === 0) {
          const [row] = vault.all<{ id: string }>('SELECT id FROM conversations LIMIT 1')
          vault.transact((tx) => vault.erase(tx, [{ entity: Conversation, key: row!.id }]))
          vault.purge()
        } else if (n % 25 === 0) vault.database.checkpoint()
        states.set(n, state())
        recorded.acknowledge(n)
      }
      vault.close()
    } finally {
      recorded.stop()
    }

    const moments = Array.from({ length: FAILURES }, () => random.integer(recorded.steps.length)).sort(
      (a, b) => a - b,
    )
    const disk = new Disk()
    let step = 0
    let behind = 0
    for (const [index, moment] of moments.entries()) {
      while (step < moment) disk.apply(recorded.steps[step++]!)
      const left = join(folder, `left-${index}`)
      mkdirSync(left)
      disk.fail(left, random)
      const vault = openVault({ ...made.options, path: join(left, 'vault.db') })
      try {
        expect(vault.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' })
        const state = stateDigest(vault, vault.logs, vault.space)
        // An erase is a transaction of its own between two acknowledgements.
        const at = [...states].filter(([, digest]) => digest === state).map(([n]) => n)
        const acknowledged = disk.acknowledged
        if (!at.some((n) => n >= acknowledged)) {
          const newest =
            vault.get<{ n: number | null }>('SELECT max(version) AS n FROM conversations')!.n ?? 0
          expect(newest, `moment ${moment}: acknowledged ${acknowledged}`).toBeGreaterThanOrEqual(
            acknowledged,
          )
          behind++
        }
        if (index % 20 === 0) {
          const { problems } = await verifySpace(
            vault,
            vault.logs,
            vault.space,
            privateSpaceId(vault.did),
            async () => {},
          )
          expect(problems).toEqual([])
        }
        vault.transact((tx) =>
          tx.write([{ kind: 'INSERT', entity: 'Conversation', key: 'after', values: { title: 'goes on' } }]),
        )
      } finally {
        vault.close()
        rmSync(left, { recursive: true, force: true })
      }
    }
    rmSync(folder, { recursive: true, force: true })
    console.log(
      `${FAILURES} power failures over ${recorded.steps.length} steps, ${behind} between a transaction and its acknowledgement`,
    )
  })
})
