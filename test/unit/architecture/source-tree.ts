import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** Path relative to the root, with `/` → text. The rules read this and nothing else, so a test can plant a violation. */
export type SourceTree = ReadonlyMap<string, string>

const NOT_OURS = new Set(['node_modules', '.git', 'dist'])

/** Every text file of the checkout that is, or could be, committed. */
export function readTree(root: string): SourceTree {
  const files = new Map<string, string>()
  for (const path of listFiles(root)) {
    const bytes = readFileSync(join(root, path))
    if (!bytes.includes(0)) files.set(path, bytes.toString('utf8'))
  }
  return files
}

function listFiles(root: string): string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return listed.split('\0').filter((path) => path !== '' && isFile(join(root, path)))
  } catch {
    // Not a git checkout, or no git: what a source archive holds.
    return walk(root, '')
  }
}

function walk(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (NOT_OURS.has(entry.name)) return []
    if (entry.isDirectory()) return walk(root, path)
    return entry.isFile() ? [path] : []
  })
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}
