import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { captureLines } from '../support/capture-lines.ts'
import { describeShared } from '../support/shared.ts'
import { temporaryVault } from '../support/temporary-vault.ts'
import { EXPORTS } from './exports-table.ts'

describeShared('exports of others', 'exports', (folder) => {
  test('the table names every file there is', () => {
    const present = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.jsonl?$/.test(name),
    )
    expect(present.sort()).toEqual(Object.keys(EXPORTS).sort())
  })

  test.each(Object.entries(EXPORTS))('%s', async (name, expected) => {
    using vaults = temporaryVault()
    const lines = await captureLines(join(folder, name), vaults.vault).catch((error) => [
      `refused ${error.code}`,
    ])
    expect(lines).toEqual(expected)
  })
})
