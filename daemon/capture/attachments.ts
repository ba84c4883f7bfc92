import { sha256 } from '../../crdt/hash.ts'
import type { Part } from '../../schema/capture.ts'
import { LIMITS } from '../../schema/limits.ts'

/** The bytes of a picture or a file that a message brings along. */
export interface Attachment {
  /** Hex SHA-256. */
  readonly hash: string
  readonly bytes: Uint8Array
}

export interface DetachedPart {
  readonly part: Part
  readonly attachment?: Attachment
  /** What stands in the part's metadata for the bytes. */
  readonly about?: { readonly blob?: string; readonly sizeBytes: number; readonly mimeType?: string }
}

const DATA_URL = /^data:([\w.+/-]{0,100})(?:;[\w-]+=[\w.-]+)*;base64,/

/** Takes bytes that a part holds as text out of it: as a `data:` address, or in base64. Others stay as they are. */
export function detached(part: Part): DetachedPart {
  const { type, content, metadata } = part
  if (type !== 'image' && type !== 'file') return { part }
  const address = DATA_URL.exec(content.slice(0, 300))
  if (!address && metadata?.encoding !== 'base64') return { part }
  const bytes = new Uint8Array(Buffer.from(content.slice(address?.[0].length ?? 0), 'base64'))
  if (bytes.length === 0) return { part }
  const { encoding: _, ...rest } = metadata ?? {}
  const bare: Part = { type, content: '', ...(Object.keys(rest).length > 0 ? { metadata: rest } : {}) }
  if (bytes.length > LIMITS.attachmentBytes) return { part: bare, about: { sizeBytes: bytes.length } }
  const hash = Buffer.from(sha256(bytes)).toString('hex')
  const mimeType = address?.[1]
  return {
    part: bare,
    attachment: { hash, bytes },
    about: { blob: hash, sizeBytes: bytes.length, ...(mimeType ? { mimeType } : {}) },
  }
}

/** Key of the row that names an attachment of a message: immutable content beside the message's versions. */
export function attachmentKey(message: string, hash: string): string {
  return `${message}:file-${hash}`
}
