import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPOSITORY } from '../support/repository.ts'
import type { Mutation } from './rules.ts'

const COPIED = [
  'crdt',
  'schema',
  'config',
  'rpc',
  'daemon',
  'test',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
]
/** Of a simulation, which a mutation shows in the first ones or not at all. */
const SEEDS = '400'

/** A copy of the sources, in which rules are taken out one at a time. */
export class MutatedCopy implements AsyncDisposable {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  static async make(): Promise<MutatedCopy> {
    const folder = await mkdtemp(join(tmpdir(), 'vivim-mutated-'))
    for (const name of COPIED) await cp(join(REPOSITORY, name), join(folder, name), { recursive: true })
    await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'))
    return new MutatedCopy(folder)
  }

  /** Whether one of the mutation's tests fails without the rule. */
  async isFoundOut(mutation: Mutation): Promise<boolean> {
    const path = join(this.#folder, mutation.file)
    const source = await readFile(path, 'utf8')
    await writeFile(path, without(mutation, source))
    try {
      for (const test of mutation.tests) if (!(await this.passes([test]))) return true
      return false
    } finally {
      await writeFile(path, source)
    }
  }

  /** Whether these test files pass here. */
  async passes(tests: readonly string[]): Promise<boolean> {
    const vitest = join(this.#folder, 'node_modules/vitest/vitest.mjs')
    const { VIVIM_TEST_LONG: _, VITEST: __, ...environment } = process.env
    const run = spawn(process.execPath, [vitest, 'run', '--bail=1', ...tests], {
      cwd: this.#folder,
      env: { ...environment, VIVIM_TEST_SEEDS: SEEDS },
      stdio: 'ignore',
    })
    return await new Promise((resolve, reject) => {
      run.once('error', reject)
      run.once('exit', (code) => resolve(code === 0))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** @throws if the rule does not stand in the file exactly once: then the list is out of date */
export function without({ file, rule, without: replacement }: Mutation, source: string): string {
  const parts = source.split(rule)
  if (parts.length !== 2) throw new Error(`${file} does not say once: ${rule}`)
  return parts.join(replacement)
}
