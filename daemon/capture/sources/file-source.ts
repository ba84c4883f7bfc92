import { close, read } from 'node:fs'
import { promisify } from 'node:util'
import { VivimError } from '../../../schema/errors.ts'
import type { Source, SourceEntry } from './source.ts'

const readDescriptor = promisify(read)
const closeDescriptor = promisify(close)

const CHUNK_BYTES = 256 * 1024

/** One plain file on disk, open. */
export class FileSource implements Source {
  readonly kind = 'file'
  readonly fingerprint: string
  readonly #descriptor: number
  readonly #entry: SourceEntry

  /** Takes the descriptor over: `close` closes it. */
  constructor(descriptor: number, entry: SourceEntry, fingerprint: string) {
    this.#descriptor = descriptor
    this.#entry = entry
    this.fingerprint = fingerprint
  }

  async entries(): Promise<readonly SourceEntry[]> {
    return [this.#entry]
  }

  open(name: string): AsyncIterable<Uint8Array> {
    if (name !== this.#entry.name) throw new VivimError('NotFound', 'There is no such file.')
    return readFileBytes(this.#descriptor)
  }

  async close(): Promise<void> {
    await closeDescriptor(this.#descriptor)
  }
}

/** What bytes without a name are called in reports. */
const DATA = 'data'

/** Bytes a caller sent, as if they were a file. */
export class BytesSource implements Source {
  readonly kind = 'file'
  readonly fingerprint: string
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, fingerprint: string) {
    this.#bytes = bytes
    this.fingerprint = fingerprint
  }

  async entries(): Promise<readonly SourceEntry[]> {
    return [{ name: DATA, size: this.#bytes.length }]
  }

  async *open(name: string): AsyncIterable<Uint8Array> {
    if (name !== DATA) throw new VivimError('NotFound', 'There is no such file.')
    yield this.#bytes
  }

  async close(): Promise<void> {}
}

/** The bytes of an open file from its beginning, in chunks. Each chunk is valid until the next is asked for. */
export async function* readFileBytes(descriptor: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let position = 0; ; ) {
    const { bytesRead } = await readDescriptor(descriptor, buffer, 0, CHUNK_BYTES, position)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    position += bytesRead
  }
}
