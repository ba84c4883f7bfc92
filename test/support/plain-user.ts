import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { REPOSITORY, VIVIMD } from './repository.ts'

/** Somebody without privileges whom every system knows. */
export const NOBODY = { uid: 65_534, gid: 65_534 }

export interface Program {
  readonly vivimd: string
  readonly node: string
  dispose(): void
}

/** The command where that user can run it: this checkout, or a copy of it when they cannot read this one. */
export function programFor(user: { uid: number; gid: number }): Program {
  const here = { vivimd: VIVIMD, node: process.execPath }
  if (runs(here, user)) return { ...here, dispose: () => {} }
  const folder = mkdtempSync(join(tmpdir(), 'vivimd-copy-'))
  chmodSync(folder, 0o755)
  const copy = join(folder, 'vivimd')
  mkdirSync(copy)
  for (const name of ['package.json', 'schema', 'crdt', 'config', 'rpc', 'daemon', 'node_modules']) {
    // Links are a moment's work; another file system takes copies.
    const linked = spawnSync('cp', ['-al', join(REPOSITORY, name), copy])
    if (linked.status !== 0) spawnSync('cp', ['-a', join(REPOSITORY, name), copy])
  }
  const inside = relative(REPOSITORY, process.execPath)
  const program = {
    vivimd: join(copy, relative(REPOSITORY, VIVIMD)),
    node: inside.startsWith('..') ? process.execPath : join(copy, inside),
  }
  const dispose = () => rmSync(folder, { recursive: true, force: true })
  if (runs(program, user)) return { ...program, dispose }
  dispose()
  throw new Error('an ordinary user cannot run the command, not even a copy of it')
}

function runs(
  { vivimd, node }: Pick<Program, 'vivimd' | 'node'>,
  user: { uid: number; gid: number },
): boolean {
  const { status } = spawnSync(node, [vivimd, '--version'], {
    ...user,
    cwd: '/',
    env: { HOME: '/nonexistent' },
  })
  return status === 0
}
