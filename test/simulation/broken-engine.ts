import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { REPOSITORY } from '../support/repository.ts'
import type { Engine } from './session-end.ts'

/** A rule of the engine, taken out: in `file` of the core, `without` stands where `rule` stood. */
export interface Breakage {
  readonly file: string
  readonly rule: string
  readonly without: string
}

/**
 * The engine with a rule taken out, in a copy of its own that is gone afterwards.
 * @throws if the rule does not stand in the file exactly once
 */
export async function withBrokenEngine<T>(breakage: Breakage, use: (engine: Engine) => T): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'vivim-broken-'))
  try {
    for (const name of ['crdt', 'schema', 'package.json'])
      await cp(join(REPOSITORY, name), join(folder, name), { recursive: true })
    await symlink(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'))
    const path = join(folder, 'crdt', breakage.file)
    const parts = (await readFile(path, 'utf8')).split(breakage.rule)
    if (parts.length !== 2) throw new Error(`${breakage.file} does not say once: ${breakage.rule}`)
    await writeFile(path, parts.join(breakage.without))
    return use(await load(join(folder, 'crdt', 'engine.ts')))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function load(path: string): Promise<Engine> {
  return (await import(/* @vite-ignore */ pathToFileURL(path).href)) as Engine
}
