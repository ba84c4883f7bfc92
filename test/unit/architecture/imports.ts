import { posix } from 'node:path'
import type { SourceTree } from './source-tree.ts'

export interface Import {
  from: string
  /** A path of the tree, a package name, or a `node:` module. */
  target: string
  kind: 'file' | 'package' | 'builtin'
  /** Erased before it runs. */
  typeOnly: boolean
}

const STATEMENT = /(?:^|[;\n])\s*(?:import|export)\s+(type\s)?([^'"`;]*?\sfrom\s*)?['"]([^'"\n]+)['"]/g
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"\n]+)['"]\s*\)/g
const REQUIRE = /\brequire(?:\.resolve)?\s*\(\s*['"]([^'"\n]+)['"]\s*\)/g
/** How workers are started: `new URL('./x.ts', import.meta.url)`. */
const RELATIVE_URL = /\bnew URL\(\s*['"](\.[^'"\n]+\.[jt]s)['"]\s*,\s*import\.meta\.url\s*\)/g

/** What the code of a file imports, whichever way; comments do not count. */
export function importsOf(path: string, text: string): Import[] {
  const code = text.replace(/^\s*\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  for (const [, type, , specifier] of code.matchAll(STATEMENT))
    found.push(resolve(path, specifier!, type !== undefined))
  for (const pattern of [DYNAMIC, REQUIRE, RELATIVE_URL])
    for (const [, specifier] of code.matchAll(pattern)) found.push(resolve(path, specifier!, false))
  return found
}

function resolve(from: string, specifier: string, typeOnly: boolean): Import {
  if (specifier.startsWith('.'))
    return { from, target: posix.join(posix.dirname(from), specifier), kind: 'file', typeOnly }
  if (specifier.startsWith('node:')) return { from, target: specifier, kind: 'builtin', typeOnly }
  const parts = specifier.split('/')
  const name = specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0]!
  return { from, target: name, kind: 'package', typeOnly }
}

export function isCode(path: string): boolean {
  return /\.(?:ts|js|mjs)$/.test(path)
}

export function allImports(tree: SourceTree): Import[] {
  return [...tree].filter(([path]) => isCode(path)).flatMap(([path, text]) => importsOf(path, text))
}
