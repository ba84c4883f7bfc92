import type { Problem } from './import-rules.ts'
import { isCode } from './imports.ts'
import type { SourceTree } from './source-tree.ts'

const MAX_LINES = 500
const MEDIAN_LINES = 100
/** Written by programs, or by lawyers. */
const NOT_WRITTEN_HERE = new Set(['package-lock.json', 'LICENSE', 'docs/api.md'])

export function lineCount(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

export function checkSizes(tree: SourceTree): Problem[] {
  return [...tree].flatMap(([path, text]) => {
    const lines = lineCount(text)
    return lines > MAX_LINES && !NOT_WRITTEN_HERE.has(path)
      ? [`${path} has ${lines} lines, more than ${MAX_LINES}`]
      : []
  })
}

export function checkMedian(tree: SourceTree): Problem[] {
  const sizes = [...tree]
    .filter(([path]) => isCode(path) && !path.startsWith('test/'))
    .map(([, text]) => lineCount(text))
    .sort((a, b) => a - b)
  const median = sizes[Math.floor(sizes.length / 2)] ?? 0
  return median >= MEDIAN_LINES ? [`the median file has ${median} lines, not under ${MEDIAN_LINES}`] : []
}

/** A name that says nothing collects everything. */
export function checkNames(tree: SourceTree): Problem[] {
  const vague = /(?:^|\/)(?:utils?|helpers?|misc|common)(?:\/|\.[jt]s$)/
  return [...tree.keys()]
    .filter((path) => vague.test(path))
    .map((path) => `${path}: say by name what it does`)
}

// Put together from pieces: this file is checked as well.
const FORBIDDEN: readonly [RegExp, string][] = [
  [new RegExp(`(?:^|[^\\w.-])/${'work'}/`), "a path of somebody's machine"],
  // `secret` is what a test plants to see that no path gets out.
  [new RegExp(`(?:^|[^\\w.-])/${'root'}/(?!secret\\b)`), "a path of somebody's machine"],
  [/(?:^|[^\w.-])\/home\/(?!\$|<|user\b|you\b|ann\b)\w+/, "a path of somebody's machine"],
  [new RegExp(`registry\\.${'npmjs'}|${'verd'}accio|${'arti'}factory`, 'i'), 'the address of a registry'],
  [new RegExp(`\\b(?:${'TO'}DO|${'FIX'}ME)\\b`), 'an unfinished thought'],
  [new RegExp(`\\b(?:it|test|describe)\\.${'only'}\\(`), 'a test that hides the others'],
]

export function checkWords(tree: SourceTree): Problem[] {
  return [...tree].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => {
      // Hashes are random letters.
      if (path === 'package-lock.json' && line.includes('"integrity"')) return []
      return FORBIDDEN.flatMap(([pattern, what]) =>
        pattern.test(line) ? [`${path}:${index + 1} has ${what}`] : [],
      )
    }),
  )
}
