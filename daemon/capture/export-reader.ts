import { isUtf8 } from 'node:buffer'
import { VivimError } from '../../schema/errors.ts'
import type { ExportFile, ExportPlan } from './export-plan.ts'
import { type JsonElement, jsonElements } from './json-array-stream.ts'
import type { Flaw } from './json-value-scan.ts'
import { isObject } from './providers/json-value.ts'
import type { ParsedElement } from './providers/provider.ts'
import type { Source } from './sources/source.ts'

/** One element of an export, read. `where` names the file and the element's number from 1, never its content. */
export type ExportItem =
  | {
      readonly kind: 'parsed'
      readonly where: string
      readonly provider: string
      /** The element's own bytes, valid until the next item. */
      readonly raw: Uint8Array
      readonly parsed: ParsedElement
    }
  | { readonly kind: 'broken'; readonly where: string; readonly provider: string; readonly message: string }
  /** A file that could not be read on; no element of its own. */
  | { readonly kind: 'damaged'; readonly where: string; readonly message: string }

const FLAWS: Record<Flaw, string> = {
  'not-json': 'This is not JSON.',
  syntax: 'This entry is not valid JSON.',
  'too-large': 'This entry is larger than the limit.',
  'too-deep': 'This entry is nested deeper than the limit.',
  truncated: 'The file ends in the middle.',
}

/** Reads a planned export, one element at a time. The first `skip` elements are passed over without parsing. */
export async function* readExport(source: Source, plan: ExportPlan, skip = 0): AsyncGenerator<ExportItem> {
  for (const name of plan.damaged)
    yield { kind: 'damaged', where: name, message: 'This part of the export is missing or damaged.' }
  let left = skip
  for (const file of plan.files) {
    try {
      for await (const element of jsonElements(source.open(file.name))) {
        if (left > 0) left--
        else yield readElement(element, file)
      }
    } catch (error) {
      if (!(error instanceof VivimError)) throw error
      yield { kind: 'damaged', where: file.name, message: error.message }
    }
  }
}

/** How many elements an export has: a pass over its bytes without parsing them. */
export async function countElements(source: Source, plan: ExportPlan, signal: AbortSignal): Promise<number> {
  let count = 0
  for (const { name } of plan.files) {
    try {
      for await (const _ of jsonElements(source.open(name))) {
        count++
        if (signal.aborted) return count
      }
    } catch (error) {
      if (!(error instanceof VivimError)) throw error
    }
  }
  return count
}

function readElement(element: JsonElement, { name, provider }: ExportFile): ExportItem {
  const where = `${name} #${element.index + 1}`
  const broken = (message: string) => ({ kind: 'broken' as const, where, provider: provider.name, message })
  if (element.kind === 'broken') return broken(FLAWS[element.reason])
  let value: unknown
  try {
    value = JSON.parse(element.bytes.toString('utf8'))
  } catch {
    return broken(FLAWS.syntax)
  }
  const parsed = isObject(value)
    ? provider.parse(value)
    : { conversations: [], skipped: ['not a conversation'], notes: [] }
  const notes = isUtf8(element.bytes) ? parsed.notes : [...parsed.notes, 'bytes that are no UTF-8, replaced']
  return { kind: 'parsed', where, provider: provider.name, raw: element.bytes, parsed: { ...parsed, notes } }
}
