import { createHash } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'

/** How far this device's log was when it was written last. */
export interface LogMark {
  /** 8 bytes. */
  readonly incarnation: Uint8Array
  readonly sequence: number
  readonly hash: Uint8Array
}

/** What the file says, and where it lies. */
export interface BootRecord {
  /** `<token>@<inode>:<birth>:<machine>`: the same file on the same machine, written by the last owner of the vault. */
  readonly token: string
  /** Undefined when it cannot be read. */
  readonly mark: LogMark | undefined
}

const TOKEN_BYTES = 16
const MARK_BYTES = 48
const CHECK_BYTES = 8
const FILE_BYTES = TOKEN_BYTES + MARK_BYTES + CHECK_BYTES

/**
 * A small file beside the vault that tells a vault from a copy of it. It is made anew at every opening and closing, so
 * an older vault finds another token, and a copied folder finds its file under another inode, birth time or machine.
 * It also says how far the log was: a vault put back under a running node's file lacks what the mark names.
 */
export class BootFile {
  readonly #path: string
  #file: number | undefined

  constructor(vaultPath: string) {
    this.#path = `${vaultPath}.boot`
  }

  read(): BootRecord | undefined {
    let file: number
    try {
      file = openSync(this.#path, 'r')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    try {
      const bytes = Buffer.alloc(FILE_BYTES)
      const length = readSync(file, bytes, 0, FILE_BYTES, 0)
      return {
        token: tokenText(bytes.subarray(0, TOKEN_BYTES), placeOf(this.#path)),
        mark: length === FILE_BYTES ? markIn(bytes.subarray(TOKEN_BYTES)) : undefined,
      }
    } finally {
      closeSync(file)
    }
  }

  /** Writes the next file beside the present one, durably; answers the token it will have once it is `install`ed. */
  prepare(token: Uint8Array, mark: LogMark): string {
    const temporary = `${this.#path}.tmp`
    rmSync(temporary, { force: true })
    const file = openSync(temporary, 'wx', 0o600)
    try {
      const bytes = Buffer.concat([token.subarray(0, TOKEN_BYTES), encodeMark(mark)])
      writeSync(file, bytes, 0, bytes.length, 0)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    return tokenText(token, placeOf(temporary))
  }

  /** Puts the prepared file in the place of the present one; its inode and birth time come along. */
  install(): void {
    this.close()
    renameSync(`${this.#path}.tmp`, this.#path)
    const folder = openSync(dirname(this.#path), 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
    this.#file = openSync(this.#path, 'r+')
  }

  /** Not waited for: after a power failure the mark may be behind the vault, which says nothing against it. */
  note(mark: LogMark): void {
    if (this.#file !== undefined)
      writeSync(this.#file, encodeMark(mark), 0, MARK_BYTES + CHECK_BYTES, TOKEN_BYTES)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

function tokenText(token: Uint8Array, place: string): string {
  return `${Buffer.from(token).toString('hex')}@${place}`
}

/** A copy has another inode, or an inode that was free again and another time of birth, or lies on another machine. */
function placeOf(path: string): string {
  const { ino, birthtimeNs } = statSync(path, { bigint: true })
  return `${ino}:${birthtimeNs}:${machine()}`
}

function machine(): string {
  try {
    return createHash('sha256').update(readFileSync('/etc/machine-id')).digest('hex').slice(0, 16)
  } catch {
    return '' // not every system has one
  }
}

function encodeMark({ incarnation, sequence, hash }: LogMark): Buffer {
  const bytes = Buffer.alloc(MARK_BYTES)
  bytes.set(incarnation, 0)
  bytes.writeBigUInt64BE(BigInt(sequence), 8)
  bytes.set(hash, 16)
  return Buffer.concat([bytes, checkOf(bytes)])
}

function markIn(bytes: Buffer): LogMark | undefined {
  const mark = bytes.subarray(0, MARK_BYTES)
  if (!checkOf(mark).equals(bytes.subarray(MARK_BYTES))) return undefined
  return {
    incarnation: new Uint8Array(mark.subarray(0, 8)),
    sequence: Number(mark.readBigUInt64BE(8)),
    hash: new Uint8Array(mark.subarray(16)),
  }
}

function checkOf(mark: Uint8Array): Buffer {
  return createHash('sha256').update(mark).digest().subarray(0, CHECK_BYTES)
}
