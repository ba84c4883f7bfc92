import type { KeyObject } from 'node:crypto'
import { z } from 'zod'
import { LIMITS } from '../../schema/limits.ts'
import { SystemAction, SystemCommand } from '../../schema/system-palette.ts'
import { decodeDid, encodeDid, isDid } from './did.ts'
import { publicKeyBytes } from './ed25519.ts'
import { isCount, issueStatement, readStatement } from './signed-statement.ts'

const DOMAIN = 'vivimd/system-palette/1'

/** What an operator changed: entries in place of shipped ones with the same trigger, or beside them; and removed ones. */
const PaletteChanges = z.strictObject({
  commands: z.array(SystemCommand).max(LIMITS.paletteEntries),
  actions: z.array(SystemAction).max(LIMITS.paletteEntries),
  removedCommands: z.array(z.string().max(40)).max(LIMITS.paletteEntries),
  removedActions: z.array(z.string().max(40)).max(LIMITS.paletteEntries),
})
export type PaletteChanges = z.infer<typeof PaletteChanges>

export const NO_CHANGES: PaletteChanges = {
  commands: [],
  actions: [],
  removedCommands: [],
  removedActions: [],
}

/** The palette of an instance, as it signed it. */
export interface PaletteRecord {
  /** Of the instance's own key. */
  readonly did: string
  /** Of two the higher counts; milliseconds UTC of when it was made, or more. */
  readonly sequence: number
  readonly changes: PaletteChanges
}

/** Canonical CBOR [statement, signature of the instance]; the changes are JSON in it. */
export function issuePalette(
  instanceKey: KeyObject,
  { sequence, changes }: Pick<PaletteRecord, 'sequence' | 'changes'>,
): Uint8Array {
  const did = encodeDid(publicKeyBytes(instanceKey))
  return issueStatement(instanceKey, DOMAIN, [did, sequence, JSON.stringify(changes)])
}

/** Undefined unless the instance signed it and it holds entries that this program knows how to run. */
export function readPalette(bytes: Uint8Array): PaletteRecord | undefined {
  const statement = readStatement(bytes, DOMAIN, 3)
  const [did, sequence, text] = statement?.fields ?? []
  if (typeof did !== 'string' || !isDid(did) || !isCount(sequence) || typeof text !== 'string')
    return undefined
  if (!statement?.isSignedBy(decodeDid(did))) return undefined
  const changes = PaletteChanges.safeParse(parsed(text))
  return changes.success ? { did, sequence, changes: changes.data } : undefined
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
