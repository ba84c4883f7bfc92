import { spawn } from 'node:child_process'
import { once } from 'node:events'
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

const DEADLINE = /timed out/i
/** The report does not hold what a hook threw. */
const UNSAID = 'failed, or timed out, before its tests'
/** The slowest of the files takes a minute and a half on a machine that is not busy. */
const ENDLESS_MS = 10 * 60_000

export interface Failure {
  /** Its full name; of a file that could not be run, the file. */
  readonly test: string
  readonly message: string
}

/** What is read here of Vitest's report in JSON. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

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

  /** The first test of the mutation's that fails without the rule, and how; undefined when all pass. */
  async foundOutBy(mutation: Mutation): Promise<Failure | undefined> {
    const path = join(this.#folder, mutation.file)
    const source = await readFile(path, 'utf8')
    for (const file of mutation.tests) {
      await writeFile(path, without(mutation, source))
      const failure = await this.firstFailure([file]).finally(() => writeFile(path, source))
      if (!failure) continue
      // A deadline may as well have been missed by a machine that is busy: with the rule it must be kept.
      if (DEADLINE.test(failure.message) && (await this.firstFailure([file]))) continue
      return failure
    }
    return undefined
  }

  /** The first test that fails in these files here. */
  async firstFailure(tests: readonly string[]): Promise<Failure | undefined> {
    const vitest = join(this.#folder, 'node_modules/vitest/vitest.mjs')
    const report = join(this.#folder, 'report.json')
    await rm(report, { force: true })
    const { VIVIM_TEST_LONG: _, VITEST: __, ...environment } = process.env
    const asked = ['run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...tests]
    const run = spawn(process.execPath, [vitest, ...asked], {
      cwd: this.#folder,
      env: { ...environment, VIVIM_TEST_SEEDS: SEEDS },
      stdio: 'ignore',
      detached: true,
    })
    // A rule may be what ends a loop. With its children: the one that turns round hears of nothing.
    const endless = setTimeout(() => process.kill(-run.pid!, 'SIGKILL'), ENDLESS_MS)
    const [code, signal] = (await once(run, 'exit')) as [number | null, NodeJS.Signals | null]
    clearTimeout(endless)
    if (code === 0) return undefined
    if (signal)
      return { test: tests.join(' '), message: `timed out: no end after ${ENDLESS_MS / 60_000} min` }
    const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report
    for (const { name, status, message, assertionResults } of testResults) {
      const failed = assertionResults.find(({ status }) => status === 'failed')
      if (failed) return { test: failed.fullName, message: failed.failureMessages[0] ?? '' }
      if (status === 'failed') return { test: name, message: message || UNSAID }
    }
    throw new Error(`the tests ended with ${code}, and none of them failed: ${tests.join(' ')}`)
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
