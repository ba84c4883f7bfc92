import { VivimError } from '../../schema/errors.ts'
import { jsonElements } from './json-array-stream.ts'
import { elementProvidersUnder, providerNamed, providerOf, textProviderOf } from './providers/index.ts'
import { isObject, type JsonObject, list, text } from './providers/json-value.ts'
import type { Provider } from './providers/provider.ts'
import type { Source, SourceProblem } from './sources/source.ts'
import { beginningOf, utf8Chunks } from './utf8-chunks.ts'

export interface ExportFile {
  readonly name: string
  readonly size: number
  readonly provider: Provider
}

/** What of a source will be read, in this order. */
export interface ExportPlan {
  readonly provider: Provider
  readonly files: readonly ExportFile[]
  /** Files that look like a part of the export and cannot be read, or should be there and are not. */
  readonly damaged: readonly string[]
  /** Archives inside that were refused, and why. */
  readonly problems: readonly SourceProblem[]
  /** Files that were looked into and hold nothing this node knows. */
  readonly others: number
}

/** A file is known by one of its first elements: the very first may be the broken one. */
const ELEMENTS_LOOKED_AT = 20
/** How much of a page, a table or a transcript tells whose it is. */
const BEGINNING_BYTES = 256 * 1024

/**
 * Finds the export in a source by the structure of its files.
 * @param wanted take only files of this provider.
 * @throws VivimError InvalidParams when there is none this node can read, Corrupt when what is there is damaged.
 */
export async function planExport(source: Source, wanted?: string): Promise<ExportPlan> {
  if (wanted !== undefined && !providerNamed(wanted))
    throw new VivimError('InvalidParams', 'This node knows no such provider.', { field: 'provider' })
  const entries = (await source.entries()).filter(({ name }) => source.kind === 'file' || mayBeRead(name))
  const files: ExportFile[] = []
  const damaged: string[] = []
  const parts = new Set<string>()
  let others = 0
  for (const { name, size } of [...entries].sort(byName)) {
    const found = await lookInto(source, name)
    for (const part of found.manifest) parts.add(part)
    const { provider } = found
    if (provider && (wanted === undefined || provider.name === wanted)) files.push({ name, size, provider })
    else if (!provider && found.broken) damaged.push(name)
    else if (found.manifest.length === 0) others++
  }
  const names = entries.map(({ name }) => name)
  damaged.push(
    ...[...parts].filter((part) => !names.some((name) => name === part || name.endsWith(`/${part}`))),
  )
  const [first] = files
  const problems = source.problems ?? []
  if (first) return { provider: first.provider, files, damaged, problems, others }
  if (damaged.length + problems.length > 0)
    throw new VivimError('Corrupt', 'The export is damaged or cut off.')
  throw new VivimError('InvalidParams', 'No export that this node can read was found there.', {
    hint: 'See what it can read with `vivimd call capture.providers`.',
  })
}

interface Look {
  readonly provider?: Provider
  readonly broken: boolean
  /** Files a manifest says the conversations are in. */
  readonly manifest: readonly string[]
}

async function lookInto(source: Source, name: string): Promise<Look> {
  try {
    const json = await lookAtJson(source, name)
    if (json !== 'not-json') return json
    const provider = textProviderOf(await beginningOf(source.open(name), BEGINNING_BYTES))
    return { ...(provider ? { provider } : {}), broken: false, manifest: [] }
  } catch (error) {
    if (!(error instanceof VivimError)) throw error
    return { broken: true, manifest: [] }
  }
}

async function lookAtJson(source: Source, name: string): Promise<Look | 'not-json'> {
  let broken = false
  let seen = false
  let isList = false
  for await (const element of jsonElements(utf8Chunks(source.open(name)))) {
    if (element.kind === 'element') {
      const value = parsed(element.bytes)
      const provider = value && providerOf(value)
      if (provider) {
        if (provider.kind === undefined) await provider.prepare?.()
        return { provider, broken, manifest: [] }
      }
      if (value && isObject(value.logical_files))
        return { broken, manifest: manifestParts(value.logical_files) }
      seen = true
    } else if (element.reason === 'not-json') return 'not-json'
    else broken = true
    isList ||= element.index > 0
    if (element.index + 1 >= ELEMENTS_LOOKED_AT) break
  }
  // One object that is no conversation itself, or is too large to look at whole, may hold a list of them.
  const provider = isList ? undefined : await lookUnderKeys(source, name)
  // Markdown may begin with a bracket.
  if (!provider && !seen) {
    const other = textProviderOf(await beginningOf(source.open(name), BEGINNING_BYTES))
    if (other) return { provider: other, broken: false, manifest: [] }
  }
  return { ...(provider ? { provider } : {}), broken, manifest: [] }
}

async function lookUnderKeys(source: Source, name: string): Promise<Provider | undefined> {
  for (const [under, providers] of elementProvidersUnder())
    for await (const element of jsonElements(utf8Chunks(source.open(name)), { under })) {
      const value = element.kind === 'element' ? parsed(element.bytes) : undefined
      const provider = value && providers.find((each) => each.detect(value))
      if (provider) return provider
      if (element.index + 1 >= ELEMENTS_LOOKED_AT) break
    }
  return undefined
}

function manifestParts(logical: JsonObject): string[] {
  const conversations = logical['conversations.json']
  return isObject(conversations) ? list(conversations.files).flatMap((file) => text(file) ?? []) : []
}

function parsed(bytes: Buffer): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** What people sent to an assistant comes with the export: a transcript among it is no conversation of theirs. */
const UPLOADED = /(?:^|\/)(?:file[-_][A-Za-z0-9]{6,80}[^/]*|[^/]+-files\/.*)$/

/** In archives and folders only what is named like text is looked into: the rest are pictures and recordings. */
function mayBeRead(name: string): boolean {
  const base = name.slice(name.lastIndexOf('/') + 1)
  return (
    /\.(?:json|jsonl|ndjson|html?|mht|mhtml|csv|md|markdown|txt)$/i.test(base) &&
    !base.startsWith('.') &&
    !UPLOADED.test(name) &&
    !name.startsWith('__MACOSX/')
  )
}

/** `conversations-2` before `conversations-10`, the same on every machine. */
function byName(a: { name: string }, b: { name: string }): number {
  const natural = (name: string) => name.replace(/\d+/g, (digits) => digits.padStart(12, '0'))
  const [first, second] = [natural(a.name), natural(b.name)]
  return first < second ? -1 : first > second ? 1 : a.name < b.name ? -1 : 1
}
