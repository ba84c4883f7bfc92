import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { captureLines } from '../../support/capture-lines.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const FOLDER = join(REPOSITORY, 'test', 'fixtures')
const EXPECTED = '.expected'

/** Each format has a folder; a fixture `x` and what has to come of it, `x.expected`. */
const fixtures = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith(EXPECTED))
  .map((name) => name.slice(0, -EXPECTED.length))

describe('what each provider writes', () => {
  test.each(fixtures)('%s', async (name) => {
    using vaults = temporaryVault()
    const path = join(FOLDER, name)
    const expected = readFileSync(path + EXPECTED, 'utf8')
      .trimEnd()
      .split('\n')
    expect(await captureLines(path, vaults.vault)).toEqual(expected)
  })
})
