import { crc32 } from 'node:zlib'
import yauzl, { type Entry, type ZipFile } from 'yauzl'
import { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import type { Source, SourceEntry } from './source.ts'

/** Below this size a high ratio is an empty-looking text, not a bomb. */
const RATIO_FLOOR_BYTES = 1024 * 1024
const UNIX = 3
const FILE_TYPE = 0o170000
const LINK = 0o120000
const STORED = 0
const DEFLATED = 8

/** A zip archive, read entry by entry. The directory is checked whole before anything is unpacked. */
export class ZipSource implements Source {
  readonly kind = 'zip'
  readonly fingerprint: string
  readonly #zip: ZipFile
  readonly #entries = new Map<string, Entry>()

  private constructor(zip: ZipFile, fingerprint: string) {
    this.#zip = zip
    this.fingerprint = fingerprint
  }

  /** Takes the descriptor over once it resolves: `close` closes it. */
  static async fromDescriptor(descriptor: number, fingerprint: string): Promise<ZipSource> {
    return ZipSource.#open(yauzl.fromFdPromise(descriptor, OPTIONS), fingerprint)
  }

  static async fromBytes(bytes: Buffer, fingerprint: string): Promise<ZipSource> {
    return ZipSource.#open(yauzl.fromBufferPromise(bytes, OPTIONS), fingerprint)
  }

  static async #open(opening: Promise<ZipFile>, fingerprint: string): Promise<ZipSource> {
    const zip = await opening.catch((cause) => {
      throw damaged(cause)
    })
    const source = new ZipSource(zip, fingerprint)
    await source.#readDirectory()
    return source
  }

  async entries(): Promise<readonly SourceEntry[]> {
    return [...this.#entries.values()].map((entry) => ({
      name: entry.fileName,
      size: entry.uncompressedSize,
    }))
  }

  async *open(name: string): AsyncIterable<Uint8Array> {
    const entry = this.#entries.get(name)
    if (!entry) throw new VivimError('NotFound', 'The archive has no such file.')
    let checksum = 0
    try {
      for await (const chunk of await this.#zip.openReadStreamPromise(entry)) {
        checksum = crc32(chunk, checksum)
        yield chunk
      }
    } catch (cause) {
      throw damaged(cause)
    }
    if (checksum !== entry.crc32) throw damaged(new Error('checksum'))
  }

  async close(): Promise<void> {
    this.#zip.close()
  }

  async #readDirectory(): Promise<void> {
    if (this.#zip.entryCount > LIMITS.archiveEntries) throw refused('holds too many files')
    try {
      for await (const entry of this.#zip.eachEntry()) {
        checkEntry(entry)
        const isFolder = entry.fileName.endsWith('/')
        if (!isFolder && !this.#entries.has(entry.fileName)) this.#entries.set(entry.fileName, entry)
      }
    } catch (cause) {
      if (cause instanceof VivimError) throw cause
      const outside =
        cause instanceof Error && /absolute path|relative path|invalid characters/.test(cause.message)
      throw outside ? refused('names a file outside of itself') : damaged(cause)
    }
  }
}

const OPTIONS = { lazyEntries: true, autoClose: false, strictFileNames: true, validateEntrySizes: true }

function checkEntry(entry: Entry): void {
  const mode = entry.versionMadeBy >> 8 === UNIX ? entry.externalFileAttributes >>> 16 : 0
  if ((mode & FILE_TYPE) === LINK) throw refused('holds a link')
  if (entry.fileName.includes('\0')) throw refused('names a file outside of itself')
  if (entry.isEncrypted()) throw refused('is protected by a password')
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED)
    throw refused('is packed in a way this node cannot read')
  const { uncompressedSize, compressedSize } = entry
  if (uncompressedSize > RATIO_FLOOR_BYTES && uncompressedSize > compressedSize * LIMITS.archiveRatio)
    throw refused(`unpacks to more than ${LIMITS.archiveRatio} times its size`)
}

function refused(what: string): VivimError {
  return new VivimError('Corrupt', `The archive ${what}; nothing was read from it.`)
}

function damaged(cause: unknown): VivimError {
  return new VivimError('Corrupt', 'The archive is damaged or cut off.', {
    hint: 'Download it again.',
    cause,
  })
}
