import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { countResults, countsLine } from '../../support/counts-reporter.ts'
import { REPOSITORY } from '../../support/repository.ts'

describe('counts', () => {
  it('counts a module that cannot load, a failing hook and an unhandled error as failures', () => {
    const tests = ['passed', 'passed', 'skipped', 'failed', 'pending'].map((state) => ({
      result: () => ({ state }),
    }))
    const counts = countResults(
      [
        {
          errors: () => [],
          children: { allTests: () => tests, allSuites: () => [{ errors: () => ['hook'] }] },
        },
        {
          errors: () => [{ message: 'no such file' }],
          children: { allTests: () => [], allSuites: () => [] },
        },
      ],
      ['unhandled'],
    )
    expect(countsLine(counts)).toBe('2 passed, 5 failed, 1 skipped')
  })
})

describe('the last line of a real run', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(REPOSITORY, 'test', '.counts-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  function run(files: Record<string, string>) {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const reporter = join(REPOSITORY, 'test/support/counts-reporter.ts')
    const config = `export default { test: { include: ['*.check.ts'], reporters: ['default', ${JSON.stringify(reporter)}] } }`
    writeFileSync(join(folder, 'vitest.config.mjs'), config)
    const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs')
    const { stdout, status } = spawnSync(process.execPath, [vitest, 'run', '--root', folder], {
      encoding: 'utf8',
      env: { ...process.env, VITEST: undefined, VITEST_POOL_ID: undefined, VITEST_WORKER_ID: undefined },
    })
    return { last: stdout.trimEnd().split('\n').at(-1), status }
  }

  it('says what passed, failed and was skipped, and counts a file that cannot load', () => {
    const { last, status } = run({
      'good.check.ts': `import { test, expect } from 'vitest'
        test('a', () => {}); test.skip('b', () => {}); test('c', () => expect(1).toBe(2))`,
      'broken.check.ts': `import './does-not-exist.ts'`,
    })
    expect(last).toBe('1 passed, 2 failed, 1 skipped')
    expect(status).toBe(1)
  })

  it('is 0 failed when all is well', () => {
    const { last, status } = run({ 'good.check.ts': `import { test } from 'vitest'; test('a', () => {})` })
    expect(last).toBe('1 passed, 0 failed, 0 skipped')
    expect(status).toBe(0)
  })
})
