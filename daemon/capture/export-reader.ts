import { isUtf8 } from 'node:buffer'
import type { CaptureConversation } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { ArchiveFiles } from './archive-files.ts'
import type { ExportFile, ExportPlan } from './export-plan.ts'
import { type JsonElement, jsonElements } from './json-array-stream.ts'
import type { Flaw } from './json-value-scan.ts'
import { isObject } from './providers/json-value.ts'
import { pageOf } from './providers/mhtml.ts'
import type {
  ElementProvider,
  ListedElement,
  ParsedElement,
  ParsedGroup,
  Provider,
} from './providers/provider.ts'
import type { Source } from './sources/source.ts'
import { utf8Chunks, wholeText } from './utf8-chunks.ts'

/** One element of an export, read. `where` names the file and the element's number from 1, never its content. */
export type ExportItem =
  | {
      readonly kind: 'parsed'
      readonly where: string
      /** Name of the file in the source. */
      readonly file: string
      readonly provider: string
      /** The element's own bytes, valid until the next item. */
      readonly raw: Uint8Array
      readonly parsed: ParsedElement
    }
  | {
      readonly kind: 'broken'
      readonly where: string
      readonly provider: string
      readonly code: 'Corrupt' | 'TooLarge'
      readonly message: string
    }
  /** A file that could not be read on; no element of its own. */
  | { readonly kind: 'damaged'; readonly where: string; readonly message: string }
  /** An element that was imported before. */
  | { readonly kind: 'known'; readonly provider: string; readonly conversationId: string }
  /** Files that hold no conversations; no element. */
  | { readonly kind: 'others'; readonly reason: string; readonly count: number }

const FLAWS: Record<Flaw, string> = {
  'not-json': 'This is not JSON.',
  syntax: 'This entry is not valid JSON.',
  'too-large': 'This entry is larger than the limit.',
  'too-deep': 'This entry is nested deeper than the limit.',
  truncated: 'The file ends in the middle.',
}

export interface ReadOptions {
  /** So many elements are passed over without parsing. */
  readonly skip?: number
  /** The pictures and files that came with the export are read too. */
  readonly files?: ArchiveFiles
  /** The conversation an element was imported into before: then it is not parsed again. */
  known?(provider: string, raw: Uint8Array): string | undefined
}

/** Reads a planned export, one element at a time. */
export async function* readExport(
  source: Source,
  plan: ExportPlan,
  options: ReadOptions = {},
): AsyncGenerator<ExportItem> {
  for await (const item of readItems(source, plan, options)) {
    const { files } = options
    if (item.kind !== 'parsed' || !files) {
      yield item
      continue
    }
    const conversations: CaptureConversation[] = []
    for (const conversation of item.parsed.conversations)
      conversations.push(await files.attach(item.file, conversation))
    yield { ...item, parsed: { ...item.parsed, conversations } }
  }
}

async function* readItems(
  source: Source,
  plan: ExportPlan,
  { skip = 0, known }: ReadOptions,
): AsyncGenerator<ExportItem> {
  for (const name of plan.damaged)
    yield { kind: 'damaged', where: name, message: 'This part of the export is missing or damaged.' }
  for (const { name, message } of plan.problems) yield { kind: 'damaged', where: name, message }
  if (plan.others > 0) yield { kind: 'others', reason: 'a file without conversations', count: plan.others }
  let left = skip
  for (const file of plan.files) {
    try {
      if (file.provider.kind === undefined)
        for await (const element of elementsOf(source, file, file.provider)) {
          if (left > 0) left--
          else {
            const id = element.kind === 'element' ? known?.(file.provider.name, element.bytes) : undefined
            if (id === undefined) yield readElement(element, file, file.provider)
            else yield { kind: 'known', provider: file.provider.name, conversationId: id }
          }
        }
      else
        for await (const item of readWhole(source, file)) {
          if (left > 0) left--
          else yield item
        }
    } catch (error) {
      if (!(error instanceof VivimError)) throw error
      yield { kind: 'damaged', where: file.name, message: error.message }
    }
  }
}

/** How many elements an export has: a pass over its bytes, which are parsed only where the elements hang together. */
export async function countElements(source: Source, plan: ExportPlan, signal: AbortSignal): Promise<number> {
  let count = 0
  for (const file of plan.files) {
    const { provider } = file
    try {
      const items = provider.kind === undefined ? elementsOf(source, file, provider) : readWhole(source, file)
      for await (const _ of items) {
        count++
        if (signal.aborted) return count
      }
    } catch (error) {
      if (!(error instanceof VivimError)) throw error
    }
  }
  return count
}

function elementsOf(source: Source, { name }: ExportFile, { under }: ElementProvider) {
  return jsonElements(utf8Chunks(source.open(name)), under === undefined ? {} : { under })
}

function readElement(element: JsonElement, { name }: ExportFile, provider: ElementProvider): ExportItem {
  const where = `${name} #${element.index + 1}`
  if (element.kind === 'broken') return broken(where, provider, element.reason)
  const value = parseJson(element.bytes)
  if (value === undefined) return broken(where, provider, 'syntax')
  const parsed = isObject(value) ? provider.parse(value) : NO_CONVERSATION
  const raw = element.bytes
  return {
    kind: 'parsed',
    where,
    file: name,
    provider: provider.name,
    raw,
    parsed: withEncodingNote(parsed, raw),
  }
}

/** A file whose elements hang together: what is broken first, then what the others make. */
async function* readWhole(source: Source, { name, provider }: ExportFile): AsyncGenerator<ExportItem> {
  let groups: readonly ParsedGroup[] = []
  if (provider.kind === 'text') {
    const whole = await wholeText(source.open(name), LIMITS.listFileBytes)
    if (!whole) return yield tooLarge(name, provider)
    groups = provider.parse(pageOf(whole.text), name)
  } else if (provider.kind === 'list') {
    const elements: ListedElement[] = []
    let bytes = 0
    for await (const element of jsonElements(utf8Chunks(source.open(name)))) {
      const where = `${name} #${element.index + 1}`
      const value = element.kind === 'element' ? parseJson(element.bytes) : undefined
      if (element.kind === 'broken') yield broken(where, provider, element.reason)
      else if (value === undefined) yield broken(where, provider, 'syntax')
      else if (isObject(value)) {
        bytes += element.bytes.length
        if (bytes > LIMITS.listFileBytes) return yield tooLarge(name, provider)
        elements.push({ value, bytes: new Uint8Array(element.bytes) })
      }
    }
    groups = provider.parse(elements, name)
  }
  let number = 0
  for (const { parsed, raw } of groups) {
    const where = `${name} #${++number}`
    const bytes = joined(raw)
    yield {
      kind: 'parsed',
      where,
      file: name,
      provider: provider.name,
      raw: bytes,
      parsed: withEncodingNote(parsed, bytes),
    }
  }
}

function broken(where: string, provider: Provider, flaw: Flaw): ExportItem {
  const code = flaw === 'too-large' ? 'TooLarge' : 'Corrupt'
  return { kind: 'broken', where, provider: provider.name, code, message: FLAWS[flaw] }
}

/** Its messages hang together over all of it. */
function tooLarge(where: string, provider: Provider): ExportItem {
  const megabytes = LIMITS.listFileBytes / 2 ** 20
  const message = `This file is read whole and is larger than ${megabytes} MiB: split it into smaller ones.`
  return { kind: 'broken', where, provider: provider.name, code: 'TooLarge', message }
}

const NO_CONVERSATION: ParsedElement = { conversations: [], skipped: ['not a conversation'], notes: [] }

function withEncodingNote(parsed: ParsedElement, raw: Uint8Array): ParsedElement {
  if (isUtf8(raw)) return parsed
  return { ...parsed, notes: [...parsed.notes, 'bytes that are no UTF-8, replaced'] }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** One element a line. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  return Buffer.concat(pieces.flatMap((piece) => [piece, NEWLINE]))
}

const NEWLINE = Buffer.from('\n')
