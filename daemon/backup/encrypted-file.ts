import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  rmSync,
} from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Decrypter, Encrypter } from 'age-encryption'
import { VivimError } from '../../schema/errors.ts'

/** scrypt with N = 2^17, r = 8: 128 MiB and about half a second for each guess. */
const WORK_FACTOR = 17
/** Under a passphrase a header is some 150 bytes. */
const HEADER_BYTES = 1_024

/** Encrypts a file as age v1 (C2SP) under a passphrase; the result is new, 0600 and durable. @throws VivimError */
export async function encryptFile(from: string, to: string, passphrase: string): Promise<void> {
  const age = new Encrypter()
  age.setPassphrase(passphrase)
  age.setScryptWorkFactor(WORK_FACTOR)
  await write(to, async () =>
    age.encrypt(Readable.toWeb(createReadStream(from)) as ReadableStream<Uint8Array>),
  )
}

/** The reverse. @throws VivimError `Unauthorized` for another passphrase, `Corrupt`, `NotFound`, `StorageFull` */
export async function decryptFile(from: string, to: string, passphrase: string): Promise<void> {
  const age = new Decrypter()
  age.addPassphrase(passphrase)
  const descriptor = openPlain(from)
  const source = createReadStream('', { fd: descriptor, start: 0 })
  try {
    await write(to, async () => age.decrypt(Readable.toWeb(source) as ReadableStream<Uint8Array>))
  } catch (error) {
    if (error instanceof VivimError) throw error
    const wrong = error instanceof Error && error.message.includes('no identity matched')
    if (wrong) throw new VivimError('Unauthorized', 'That is not the passphrase of this backup.')
    throw new VivimError('Corrupt', 'That file is not a whole backup.', { cause: error })
  } finally {
    source.destroy()
  }
}

/** @throws VivimError `NotFound` for what is no plain file, a link among them; `Corrupt` for what does not begin like a backup */
function openPlain(path: string): number {
  let descriptor: number
  try {
    // To open a pipe would wait for its writer, and nothing ends that.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw new VivimError('NotFound', 'That backup cannot be opened.', { cause })
  }
  try {
    if (!fstatSync(descriptor).isFile()) throw new VivimError('NotFound', 'That backup is not a file.')
    // The reader takes a line into memory whole, however long.
    const start = Buffer.alloc(HEADER_BYTES)
    const length = readSync(descriptor, start, 0, start.length, 0)
    if (!start.subarray(0, length).includes('\n--- '))
      throw new VivimError('Corrupt', 'That file is not a backup.')
    return descriptor
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

async function write(path: string, content: () => Promise<ReadableStream<Uint8Array>>): Promise<void> {
  const descriptor = openNew(path)
  try {
    const target = createWriteStream('', { fd: descriptor, autoClose: false })
    await pipeline(Readable.fromWeb((await content()) as never), target)
    fsyncSync(descriptor)
  } catch (error) {
    rmSync(path, { force: true })
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      throw new VivimError('StorageFull', 'There is no room for that file.', { cause: error })
    throw error
  } finally {
    closeSync(descriptor)
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx', 0o600)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new VivimError('Conflict', 'There is a file at that place already.', { cause })
    throw new VivimError('InvalidParams', 'That file cannot be written.', { field: 'path', cause })
  }
}
