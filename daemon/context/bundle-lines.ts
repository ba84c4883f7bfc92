import type { ContextBundle, LayerName } from '../../schema/methods/context.ts'
import type { Why } from './score.ts'

/** The provenance of one quoted piece; its handle is given when the bundle is written. */
export type LineSource = Omit<ContextBundle['items'][number], 'citation' | 'tokens' | 'layer' | 'why'> & {
  readonly why: readonly Why[]
}

/** One quoted piece of a bundle. */
export interface Line {
  readonly layer: LayerName
  /** Written once above lines that share it: date and title. */
  readonly group: string
  /** Quoted text, ready to stand after its handle. */
  readonly body: string
  readonly source: LineSource | undefined
  readonly score: number
}

/** Everything a bundle may say, before it is written. */
export interface Draft {
  readonly topics: readonly Line[]
  readonly evidence: readonly Line[]
  readonly arc: readonly Line[]
  readonly history: readonly Line[]
  readonly message: string
}

export const EMPTY_DRAFT: Draft = { topics: [], evidence: [], arc: [], history: [], message: '' }

/** A handle of usual width, for sizes taken before the numbers are known. */
const SOME_HANDLE = '[c10] '

/** The text whose size a line is charged with. */
export function lineText(line: Line): string {
  return `${line.source ? SOME_HANDLE : ''}${line.body}\n`
}

export function groupText(group: string): string {
  return `${group}\n`
}
