import { closeSync, fstatSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { VivimError } from '../../schema/errors.ts'

const PRIVATE = 0o600
/** A half-written file; whoever finds one may remove it. */
export const TEMPORARY = '.tmp'

/** Replaces the file or leaves it as it was, also when the power fails; mode 0600. */
export function replaceFile(path: string, content: Uint8Array): void {
  const temporary = writeTemporary(path, content)
  renameSync(temporary, path)
  syncFolder(dirname(path))
}

/** Makes the file whole and durable; answers false, and changes nothing, when there is one already. */
export function createFile(path: string, content: Uint8Array): boolean {
  const temporary = writeTemporary(path, content)
  try {
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
  syncFolder(dirname(path))
  return true
}

/** Overwrites the bytes before the name goes: the best a program can do; a copying file system may keep them. */
export function shredFile(path: string, random: (bytes: number) => Uint8Array): void {
  let file: number
  try {
    file = openSync(path, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    const { size, nlink } = fstatSync(file)
    // Under a second name these are the bytes of a file that stays: `createFile` was interrupted.
    if (size > 0 && nlink === 1) writeSync(file, random(size), 0, size, 0)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  rmSync(path, { force: true })
  syncFolder(dirname(path))
}

/** Makes names that came or went in a folder durable. */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function writeTemporary(path: string, content: Uint8Array): string {
  const temporary = path + TEMPORARY
  rmSync(temporary, { force: true })
  const file = openSync(temporary, 'wx', PRIVATE)
  try {
    for (let written = 0; written < content.length; ) written += writeSync(file, content, written)
    fsyncSync(file)
  } catch (cause) {
    rmSync(temporary, { force: true })
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') throw new VivimError('StorageFull', undefined, { cause })
    throw cause
  } finally {
    closeSync(file)
  }
  return temporary
}
