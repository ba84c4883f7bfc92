import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { replaceFile } from '../../identity/atomic-file.ts'
import { FINDINGS, type FindingKind } from './findings.ts'

const FORMAT = 'vivimd/registry-reader/1'
const Count = z.int().nonnegative()
const File = z.object({
  format: z.literal(FORMAT),
  /** The master's peer id. */
  instance: z.string(),
  /** The newest head that was believed, as it was signed. */
  head: z.base64().nullable(),
  /** When another device was last known to see the same log; milliseconds UTC. */
  confirmedAt: Count.nullable(),
  /** When the operator began this generation, as far as this node saw it begin. */
  generationAt: Count.nullable(),
  findings: z.array(
    z.object({
      kind: z.enum(Object.keys(FINDINGS) as [FindingKind, ...FindingKind[]]),
      did: z.string().optional(),
      since: Count,
      lastAt: Count,
    }),
  ),
  /** For each DID the newest sequence of each of its records that was seen, by record name. */
  seen: z.record(z.string(), z.record(z.string(), Count)),
})

/** What a reader of one master's log remembers. */
export type ReaderState = Omit<z.infer<typeof File>, 'format'>

/** What is in the file about that master; a new beginning when there is nothing, or it is about another one. */
export function readReaderState(path: string, instance: string): ReaderState {
  try {
    const { format: _, ...state } = File.parse(JSON.parse(readFileSync(path, 'utf8')))
    if (state.instance === instance) return state
  } catch {
    // Lost with the file: the next head is trusted on first use, and other devices know older ones.
  }
  return { instance, head: null, confirmedAt: null, generationAt: null, findings: [], seen: {} }
}

/** @throws VivimError `StorageFull` */
export function writeReaderState(path: string, state: ReaderState): void {
  replaceFile(path, Buffer.from(`${JSON.stringify({ format: FORMAT, ...state })}\n`))
}
