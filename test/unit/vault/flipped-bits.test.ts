import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { type OpenVault, openVault } from '../../../daemon/vault/open-vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { VivimError } from '../../../schema/errors.ts'
import { testRandom } from '../../support/seed.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const PAGES = process.env.VIVIM_TEST_LONG ? 500 : 150
const PAGE_BYTES = 4_096

const factsIn = (vault: OpenVault) =>
  JSON.stringify(
    ['conversations', 'messages', 'message_versions'].map((table) =>
      vault
        .all<Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY id`)
        // Clocks are compared by what they mean, in verify.
        .map(({ clock: _, ...row }) => Object.values(row).map(String)),
    ),
  )

describe('a bit that flipped on the disk', { timeout: 600_000 }, () => {
  test(`in each of ${PAGES} pages: a typed error, a problem that verify names, or nothing that anybody reads`, async () => {
    const random = testRandom()
    using made = temporaryVault()
    made.vault.transact((tx) => {
      for (let n = 0; n < 250; n++)
        tx.write([
          {
            kind: 'INSERT',
            entity: 'Conversation',
            key: `c${n}`,
            values: { title: `title ${n}`, version: 1 },
          },
          {
            kind: 'INSERT',
            entity: 'Message',
            key: `m${n}`,
            values: { conversation_id: `c${n}`, role: 'user' },
          },
          {
            kind: 'INSERT',
            entity: 'MessageVersion',
            key: `m${n}:h`,
            values: {
              message_id: `m${n}`,
              content_hash: 'h',
              parts_json: JSON.stringify([{ type: 'text', content: 'words '.repeat(200 + n) }]),
            },
          },
        ])
    })
    const right = factsIn(made.vault)
    made.vault.close()
    const whole = readFileSync(made.path)
    const pages = whole.length / PAGE_BYTES
    const folder = mkdtempSync(join(tmpdir(), 'vivim-bits-'))
    const path = join(folder, 'vault.db')
    const counts = { error: 0, problem: 0, unseen: 0 }
    for (let n = 0; n < PAGES; n++) {
      const page = Math.floor((n * pages) / PAGES)
      const damaged = Buffer.from(whole)
      damaged[page * PAGE_BYTES + random.integer(PAGE_BYTES)]! ^= 1 << random.integer(8)
      writeFileSync(path, damaged)
      let vault: OpenVault | undefined
      try {
        vault = openVault({ ...made.options, path })
        const { problems } = await verifySpace(
          vault,
          vault.logs,
          vault.space,
          privateSpaceId(vault.did),
          async () => {},
        )
        if (problems.length > 0) counts.problem++
        else {
          expect(factsIn(vault), `page ${page}: other facts, and verify says nothing`).toBe(right)
          counts.unseen++
        }
      } catch (error) {
        if (!(error instanceof VivimError)) throw new Error(`page ${page}`, { cause: error })
        expect(error.code, error.message).toMatch(/^(Corrupt|UserUnavailable)$/)
        counts.error++
      } finally {
        try {
          vault?.close()
        } catch {} // a damaged file may not let itself be closed
        for (const end of ['', '-wal']) rmSync(path + end, { force: true })
        rmSync(`${path}.lock`, { recursive: true, force: true })
      }
    }
    rmSync(folder, { recursive: true, force: true })
    console.log(`${PAGES} of ${pages} pages with one flipped bit: ${JSON.stringify(counts)}`)
    expect(counts.problem).toBeGreaterThan(0)
  })
})
