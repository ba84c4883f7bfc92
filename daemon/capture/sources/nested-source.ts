import { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import type { Source, SourceEntry, SourceProblem } from './source.ts'
import { ZipSource } from './zip-source.ts'

const MAX_DEPTH = 3

interface Place {
  readonly source: Source
  readonly name: string
}

/** A source in which archives are folders: what vendors send comes in several zips, and in zips of zips. */
export class NestedSource implements Source {
  readonly kind: Source['kind']
  readonly fingerprint: string
  readonly problems: readonly SourceProblem[]
  readonly #outer: Source
  readonly #inner: readonly Source[]
  readonly #places: ReadonlyMap<string, Place>
  readonly #entries: readonly SourceEntry[]

  private constructor(outer: Source, found: Found) {
    this.kind = outer.kind
    this.fingerprint = outer.fingerprint
    this.problems = found.problems
    this.#outer = outer
    this.#inner = found.inner
    this.#places = found.places
    this.#entries = found.entries
  }

  /** Opens the archives in a source; one that cannot be read is a problem of its own and stops nothing. Takes it over. */
  static async open(outer: Source): Promise<Source> {
    if (!(await outer.entries()).some(isArchive)) return outer
    const found: Found = { entries: [], places: new Map(), inner: [], problems: [], heldBytes: 0 }
    await unfold(outer, '', 1, found)
    return new NestedSource(outer, found)
  }

  async entries(): Promise<readonly SourceEntry[]> {
    return this.#entries
  }

  open(name: string): AsyncIterable<Uint8Array> {
    const place = this.#places.get(name)
    if (!place) throw new VivimError('NotFound', 'There is no such file.')
    return place.source.open(place.name)
  }

  async close(): Promise<void> {
    for (const source of this.#inner) await source.close()
    await this.#outer.close()
  }
}

interface Found {
  readonly entries: SourceEntry[]
  readonly places: Map<string, Place>
  readonly inner: Source[]
  readonly problems: SourceProblem[]
  /** Bytes of archives that have to be held: those inside of archives. */
  heldBytes: number
}

async function unfold(source: Source, folder: string, depth: number, found: Found): Promise<void> {
  for (const entry of await source.entries()) {
    const name = folder + entry.name
    if (found.entries.length === LIMITS.archiveEntries)
      throw new VivimError('TooLarge', 'The source holds too many files.')
    if (!isArchive(entry)) {
      found.entries.push({ name, size: entry.size })
      found.places.set(name, { source, name: entry.name })
      continue
    }
    try {
      const inner = await openArchive(source, entry, depth, found)
      found.inner.push(inner)
      await unfold(inner, `${name}/`, depth + 1, found)
    } catch (error) {
      if (!(error instanceof VivimError) || error.code === 'TooLarge') throw error
      found.problems.push({ name, message: error.message })
    }
  }
}

async function openArchive(
  source: Source,
  { name, size }: SourceEntry,
  depth: number,
  found: Found,
): Promise<Source> {
  if (source.openArchive) return source.openArchive(name)
  if (depth > MAX_DEPTH)
    throw new VivimError('Corrupt', 'Archives are nested too deep; nothing was read from this one.')
  if (found.heldBytes + size > LIMITS.nestedArchiveBytes)
    throw new VivimError('Corrupt', 'The archives inside are too large; unpack the outer one first.')
  const chunks: Uint8Array[] = []
  for await (const chunk of source.open(name)) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  found.heldBytes += bytes.length
  return ZipSource.fromBytes(bytes, '')
}

function isArchive({ name }: SourceEntry): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1)
  return /\.zip$/i.test(base) && !base.startsWith('.') && !name.startsWith('__MACOSX/')
}
