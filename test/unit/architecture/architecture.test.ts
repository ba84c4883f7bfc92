import { describe, expect, it } from 'vitest'
import { REPOSITORY } from '../../support/repository.ts'
import {
  checkCycles,
  checkDirection,
  checkLibraries,
  checkPureCore,
  checkTargets,
  checkWorkerRooms,
  type Problem,
} from './import-rules.ts'
import { readTree, type SourceTree } from './source-tree.ts'
import { checkMedian, checkNames, checkSizes, checkWords } from './text-rules.ts'

type Rule = (tree: SourceTree) => Problem[]
type Files = Record<string, string>

/** Each rule with trees it must refuse and trees it must let pass. */
const RULES: [name: string, rule: Rule, refused: Files[], fine: Files[]][] = [
  [
    'imports go downwards',
    checkDirection,
    [
      { 'schema/a.ts': "import { b } from '../crdt/b.ts'" },
      { 'crdt/a.ts': "import { b } from '../config/b.ts'" },
      { 'config/a.ts': "import { b } from '../rpc/b.ts'" },
      { 'rpc/client/a.ts': "import type { b } from '../../daemon/b.ts'" },
      { 'daemon/a.ts': "export { b } from '../test/support/b.ts'" },
      { 'rpc/a.ts': "const b = await import('../daemon/b.ts')" },
      { 'rpc/a.ts': "new Worker(new URL('../daemon/b.ts', import.meta.url))" },
      { 'rpc/a.ts': "import {\n  one,\n  two,\n} from '../daemon/b.ts'" },
      { 'rpc/a.ts': "import '../daemon/b.ts'" },
      { 'daemon/bin/a.js': "require('../../test/b.js')" },
    ],
    [
      { 'daemon/a.ts': "import { b } from '../rpc/b.ts'" },
      { 'crdt/a.ts': "/** import { b } from '../rpc/b.ts' */\n// import '../rpc/b.ts'" },
    ],
  ],
  [
    "a user's worker imports only schema, crdt and what is below it",
    checkWorkerRooms,
    [
      { 'daemon/vault/a.ts': "import { b } from '../knowledge/b.ts'" },
      { 'daemon/vault/a.ts': "import { b } from '../log.ts'" },
      { 'daemon/knowledge/a.ts': "import { b } from '../capture/b.ts'" },
      { 'daemon/context/a.ts': "import { b } from '../capture/b.ts'" },
      { 'daemon/capture/providers/a.ts': "import { b } from '../../context/b.ts'" },
      { 'daemon/context/a.ts': "import { b } from '../../rpc/b.ts'" },
      { 'daemon/context/a.ts': "import { b } from '../users/user-engine.ts'" },
    ],
    [
      { 'daemon/context/a.ts': "import { b } from '../vault/b.ts'" },
      { 'daemon/knowledge/a.ts': "import type { b } from '../users/user-engine.ts'" },
    ],
  ],
  [
    'each library lives behind one place',
    checkLibraries,
    [
      { 'daemon/vault/a.ts': "import sqlite from 'node-sqlite3-wasm'" },
      { 'daemon/node.ts': "import pino from 'pino'" },
      { 'daemon/handlers/a.ts': "import { JSONRPCServer } from 'json-rpc-2.0'" },
      { 'daemon/context/a.ts': "import { encode } from 'gpt-tokenizer/encoding/o200k_base'" },
      { 'daemon/capture/a.ts': "import { gfm } from 'micromark-extension-gfm'" },
      { 'crdt/operation.ts': "import { encode } from 'cborg'" },
      { 'daemon/users/a.ts': "import { generateMnemonic } from '@scure/bip39'" },
      { 'daemon/knowledge/a.ts': "import yauzl from 'yauzl'" },
      { 'crdt/a.ts': "import { z } from 'zod'" },
      { 'daemon/a.ts': "import left from 'left-pad'" },
    ],
    [{ 'daemon/log.ts': "import pino from 'pino'" }, { 'test/a.ts': "import yazl from 'yazl'" }],
  ],
  [
    'imports name files that exist',
    checkTargets,
    [
      { 'schema/a.ts': "import { b } from './b.js'", 'schema/b.ts': '' },
      { 'crdt/a.ts': "import '../schema/b'" },
    ],
    [{ 'crdt/a.ts': "import { b } from '../schema/b.ts'", 'schema/b.ts': '' }],
  ],
  [
    'there are no cycles',
    checkCycles,
    [
      {
        'rpc/a.ts': "import './b.ts'",
        'rpc/b.ts': "import './c.ts'",
        'rpc/c.ts': "import { a } from './a.ts'",
      },
      { 'rpc/a.ts': "import './a.ts'" },
    ],
    [
      { 'rpc/a.ts': "import './b.ts'\nimport './c.ts'", 'rpc/b.ts': "import './c.ts'", 'rpc/c.ts': '' },
      { 'rpc/a.ts': "import './b.ts'", 'rpc/b.ts': "import type { a } from './a.ts'" },
    ],
  ],
  [
    'the replication core is pure',
    checkPureCore,
    [
      { 'crdt/a.ts': "import { readFileSync } from 'node:fs'" },
      { 'crdt/a.ts': 'const now = Date.now()' },
      { 'crdt/a.ts': "import { randomBytes } from 'node:crypto'" },
    ],
    [{ 'crdt/a.ts': "import { createHash } from 'node:crypto'" }],
  ],
  [
    'no file is over 500 lines',
    checkSizes,
    [{ 'daemon/a.ts': 'x\n'.repeat(501) }, { 'README.md': 'x\n'.repeat(501) }],
    [{ 'daemon/a.ts': 'x\n'.repeat(500) }, { 'package-lock.json': 'x\n'.repeat(5_000) }],
  ],
  [
    'files are small',
    checkMedian,
    [{ 'daemon/a.ts': 'x\n'.repeat(100) }],
    [{ 'daemon/a.ts': 'x\n'.repeat(99), 'test/a.ts': 'x\n'.repeat(400) }],
  ],
  [
    'names say something',
    checkNames,
    [
      { 'daemon/utils/a.ts': '' },
      { 'rpc/helpers.ts': '' },
      { 'daemon/vault/misc.ts': '' },
      { 'crdt/util.ts': '' },
    ],
    [{ 'daemon/vault/sealing.ts': '' }],
  ],
  [
    'nothing names a machine, a registry or an unfinished thought',
    checkWords,
    [
      { 'a.md': `see /${'work'}/main` },
      { 'a.ts': `const home = '/${'root'}/x'` },
      { 'a.ts': `const home = '/${'home'}/mallory/x'` },
      { '.npmrc': ['registry=https:/', ['registry', 'npmjs', 'org'].join('.'), ''].join('/') },
      { 'a.ts': `// ${'TO'}DO later` },
      { 'test/a.test.ts': `it.${'only'}('a', () => {})` },
    ],
    [{ 'README.md': 'the home folder /home/user/ and homework/' }],
  ],
]

const tree = readTree(REPOSITORY)

describe('the repository', () => {
  it('was read whole', () => {
    for (const path of [
      'README.md',
      'package.json',
      'schema/errors.ts',
      'test/unit/architecture/source-tree.ts',
    ])
      expect(tree.has(path), path).toBe(true)
  })

  it.each(RULES)('%s', (_, rule) => {
    expect(rule(tree)).toEqual([])
  })
})

describe('planted violations', () => {
  const planted = RULES.flatMap(([name, rule, refused]) =>
    refused.map((files) => [name, rule, files] as const),
  )
  it.each(planted)('seen: %s (case %#)', (_, rule, files) => {
    const fixture = new Map(Object.entries(files))
    expect(rule(fixture), 'in a tree of its own').not.toEqual([])
    if (rule === checkMedian) return
    const before = new Set(rule(tree))
    const added = rule(new Map([...tree, ...fixture])).filter((problem) => !before.has(problem))
    expect(added, 'in the repository').not.toEqual([])
  })

  const harmless = RULES.flatMap(([name, rule, , fine]) => fine.map((files) => [name, rule, files] as const))
  it.each(harmless)('let pass: %s (case %#)', (_, rule, files) => {
    expect(rule(new Map(Object.entries(files)))).toEqual([])
  })
})
