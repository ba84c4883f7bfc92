import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'vitest'
import { REPOSITORY } from './repository.ts'

/** The folder of vectors and exports that other implementations share: `VIVIM_SHARED`, or `../shared`. */
export const SHARED = resolve(process.env.VIVIM_SHARED || join(REPOSITORY, '..', 'shared'))

/**
 * Where a shared file is, or undefined when it is absent and may be.
 * With VIVIM_REQUIRE_SHARED=1 an absent file throws, so that a machine that should have it cannot skip silently.
 */
export function shared(path: string): string | undefined {
  const full = join(SHARED, path)
  if (existsSync(full)) return full
  if (process.env.VIVIM_REQUIRE_SHARED === '1')
    throw new Error(`shared file "${path}" is required (VIVIM_REQUIRE_SHARED=1) and absent`)
  return undefined
}

/** A suite over a shared file or folder: skipped with a notice when it is absent, failing when it is required. */
export function describeShared(name: string, path: string, suite: (full: string) => void): void {
  const full = shared(path)
  if (full !== undefined) describe(name, () => suite(full))
  // Not `describe.skip` over the suite: that would still run its body, which reads the file.
  else describe(name, () => it.skip(`shared "${path}" is absent`, () => {}))
}
