import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MutatedCopy, without } from '../mutations/mutated-copy.ts'
import { MUTATIONS } from '../mutations/rules.ts'
import { REPOSITORY } from '../support/repository.ts'

test.each(MUTATIONS)('the rule that $name stands where the list says', (mutation) => {
  const source = readFileSync(join(REPOSITORY, mutation.file), 'utf8')
  expect(without(mutation, source)).not.toBe(source)
})

/** Each runs test files of its own: an hour in all. */
describe.skipIf(process.env.VIVIM_TEST_LONG !== '1')('without the rule that', () => {
  let copy: MutatedCopy
  beforeAll(async () => {
    copy = await MutatedCopy.make()
  })
  afterAll(() => copy[Symbol.asyncDispose]())

  test('stands, all tests pass', { timeout: 3_600_000 }, async () => {
    expect(await copy.firstFailure([...new Set(MUTATIONS.flatMap(({ tests }) => tests))])).toBeUndefined()
  })

  test.each(MUTATIONS)('$name, a test fails', { timeout: 3_600_000 }, async (mutation) => {
    const failure = await copy.foundOutBy(mutation)
    expect(failure).toBeDefined()
    console.log(`${mutation.name}: ${failure?.test}: ${failure?.message.split('\n')[0]}`)
  })
})
