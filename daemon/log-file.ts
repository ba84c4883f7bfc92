import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export const LOG_FILE_BYTES = 10_000_000

/** Appends lines to a file; when it is full it becomes `<file>.1`, in place of the one before. */
export class LogFile {
  readonly #path: string
  readonly #maxBytes: number
  #file: number
  #bytes: number

  constructor(path: string, maxBytes = LOG_FILE_BYTES) {
    this.#path = path
    this.#maxBytes = maxBytes
    this.#file = openSync(path, 'a', 0o600)
    this.#bytes = fstatSync(this.#file).size
  }

  /** A full disk must not stop the node: what cannot be written is lost. */
  write(line: string): void {
    try {
      if (this.#bytes >= this.#maxBytes) this.#rotate()
      this.#bytes += writeSync(this.#file, line)
    } catch {}
  }

  close(): void {
    closeSync(this.#file)
  }

  #rotate(): void {
    renameSync(this.#path, `${this.#path}.1`)
    const next = openSync(this.#path, 'a', 0o600)
    closeSync(this.#file)
    this.#file = next
    this.#bytes = 0
  }
}
