import type { CaptureConversation, CaptureMessage, Part } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Source, SourceEntry } from './sources/source.ts'

/** Ids that vendors put before the names of files they send along. */
const FILE_ID = /^(file[-_][A-Za-z0-9]{6,80})/
/** All the files of one conversation that are held at once; bytes. */
const MAX_HELD = 128 * 1024 * 1024

/** The pictures and files that came with an export, found for the parts that point at them. */
export class ArchiveFiles {
  readonly #source: Source
  #byName: Map<string, SourceEntry[]> | undefined

  constructor(source: Source) {
    this.#source = source
  }

  /** The conversation with the bytes of its files where the archive has them. */
  async attach(exportFile: string, conversation: CaptureConversation): Promise<CaptureConversation> {
    if (this.#source.kind === 'file' || !conversation.messages.some(pointsAtFile)) return conversation
    let room = MAX_HELD
    const messages: CaptureMessage[] = []
    for (const message of conversation.messages) {
      const parts: Part[] = []
      for (const part of message.parts) {
        const entry = isPointer(part) ? await this.#find(exportFile, part) : undefined
        const bytes = entry && entry.size <= room ? await this.#read(entry) : undefined
        room -= bytes?.length ?? 0
        parts.push(bytes ? withBytes(part, bytes) : part)
      }
      messages.push({ ...message, parts })
    }
    return { ...conversation, messages }
  }

  async #find(exportFile: string, part: Part): Promise<SourceEntry | undefined> {
    const byName = await this.#names()
    const { id, name, fileId } = part.metadata ?? {}
    for (const pointer of [part.content, id, fileId]) {
      const known = typeof pointer === 'string' ? FILE_ID.exec(afterSlash(pointer))?.[1] : undefined
      const [entry] = known === undefined ? [] : (byName.get(known) ?? [])
      if (entry) return entry
    }
    if (typeof name !== 'string') return undefined
    // A bare name is this conversation's only beside the export, or in the folder that bears its name.
    const folder = exportFile.slice(0, exportFile.lastIndexOf('/') + 1)
    const own = `${exportFile.replace(/\.json$/i, '')}-files/`
    return byName.get(name)?.find((entry) => entry.name === folder + name || entry.name === own + name)
  }

  async #names(): Promise<Map<string, SourceEntry[]>> {
    if (this.#byName) return this.#byName
    this.#byName = new Map()
    for (const entry of await this.#source.entries()) {
      const base = afterSlash(entry.name)
      for (const key of new Set([base, FILE_ID.exec(base)?.[1] ?? base])) {
        const entries = this.#byName.get(key)
        if (entries) entries.push(entry)
        else this.#byName.set(key, [entry])
      }
    }
    return this.#byName
  }

  /** Undefined when it is too large or damaged: the pointer stays. */
  async #read({ name, size }: SourceEntry): Promise<Buffer | undefined> {
    if (size === 0 || size > LIMITS.attachmentBytes) return undefined
    const chunks: Uint8Array[] = []
    try {
      for await (const chunk of this.#source.open(name)) chunks.push(new Uint8Array(chunk))
    } catch (error) {
      if (error instanceof VivimError) return undefined
      throw error
    }
    return Buffer.concat(chunks)
  }
}

function pointsAtFile({ parts }: CaptureMessage): boolean {
  return parts.some(isPointer)
}

function isPointer({ type, content, metadata }: Part): boolean {
  if (type !== 'image' && type !== 'file') return false
  return metadata?.encoding !== 'base64' && !content.startsWith('data:')
}

function withBytes(part: Part, bytes: Buffer): Part {
  const pointer = part.content === '' ? {} : { pointer: part.content }
  return {
    ...part,
    content: bytes.toString('base64'),
    metadata: { ...part.metadata, ...pointer, encoding: 'base64' },
  }
}

function afterSlash(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
