import { hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, isAbsolute } from 'node:path'
import { VivimError } from '../../../schema/errors.ts'
import { BytesSource, FileSource } from './file-source.ts'
import { FolderSource } from './folder-source.ts'
import { NestedSource } from './nested-source.ts'
import { isInside } from './private-folders.ts'
import type { Source } from './source.ts'
import { ZipSource } from './zip-source.ts'

const PATTERN = /[*?[\]{}]/

/** Where to import from: a path on this machine, or bytes a caller sent. */
export type ImportSource = { readonly path: string } | { readonly data: Buffer }

/** Opens either; archives inside of archives and folders are seen as folders. Throws as `openPath` does. */
export async function openSource(
  source: ImportSource,
  privateFolders: readonly string[],
  { nested = true }: { readonly nested?: boolean } = {},
): Promise<Source> {
  const opened = await ('path' in source ? openPath(source.path, privateFolders) : openBytes(source.data))
  if (!nested) return opened
  try {
    return await NestedSource.open(opened)
  } catch (error) {
    await opened.close()
    throw error
  }
}

/**
 * Opens a file, a zip archive, a folder or what fits a pattern by its absolute path. A final link is not followed.
 * @param privateFolders the node's own folders: nothing is read from them.
 * @throws VivimError NotFound, Forbidden, InvalidParams (not absolute, or neither file nor folder), Corrupt.
 */
async function openPath(path: string, privateFolders: readonly string[]): Promise<Source> {
  if (!isAbsolute(path) || path.includes('\0'))
    throw new VivimError('InvalidParams', 'The path must be absolute.', { field: 'path' })
  const ours = await Promise.all(privateFolders.map((folder) => realpath(folder).catch(() => folder)))
  const real = await realpath(path).catch((cause) => {
    if (PATTERN.test(path)) return undefined
    throw unreadable(cause)
  })
  if (real === undefined) return openPattern(path, ours)
  if (isInside(real, ours))
    throw new VivimError('Forbidden', "The node's own data is no source for an import.", { field: 'path' })
  const kind = await lstat(path)
  if (kind.isDirectory()) return FolderSource.open(path, ours).catch(refuseUnreadable)
  return openFile(path)
}

/** What fits a pattern such as `/home/user/Downloads/takeout-*.zip`, seen as a folder. */
async function openPattern(pattern: string, ours: readonly string[]): Promise<Source> {
  const segments = pattern.split('/')
  const first = segments.findIndex((segment) => PATTERN.test(segment))
  const root = segments.slice(0, first).join('/') || '/'
  if (isInside(await realpath(root).catch(() => root), ours))
    throw new VivimError('Forbidden', "The node's own data is no source for an import.", { field: 'path' })
  const source = await FolderSource.open(root, ours, segments.slice(first).join('/')).catch(refuseUnreadable)
  if ((await source.entries()).length > 0) return source
  throw new VivimError('NotFound', 'No file fits that pattern.', { field: 'path' })
}

/** The bytes of one file or zip archive, as a caller sent them. */
async function openBytes(bytes: Buffer): Promise<Source> {
  const fingerprint = `data ${hash('sha256', bytes)}`
  return isZip(bytes) ? ZipSource.fromBytes(bytes, fingerprint) : new BytesSource(bytes, fingerprint)
}

async function openFile(path: string): Promise<Source> {
  const descriptor = openDescriptor(path)
  try {
    const { size, mtimeMs, mode } = fstatSync(descriptor)
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw new VivimError('InvalidParams', 'The path is neither a file nor a folder.', { field: 'path' })
    const fingerprint = `file ${size} ${mtimeMs}`
    const head = Buffer.alloc(4)
    readSync(descriptor, head, 0, 4, 0)
    if (!isZip(head)) return new FileSource(descriptor, { name: basename(path), size }, fingerprint)
    return await ZipSource.fromDescriptor(descriptor, fingerprint)
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
}

function openDescriptor(path: string): number {
  try {
    // Without O_NONBLOCK, opening a pipe would wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw unreadable(cause)
  }
}

/** `PK` and the mark of a first entry, or of the end in an empty archive. */
function isZip(bytes: Buffer): boolean {
  const mark = bytes.subarray(0, 4).toString('latin1')
  return mark === 'PK\u0003\u0004' || mark === 'PK\u0005\u0006'
}

function unreadable(cause: unknown): VivimError {
  const code = (cause as { code?: string }).code
  if (code === 'ELOOP') return new VivimError('Forbidden', 'The path is a link.', { field: 'path', cause })
  if (code === 'EACCES' || code === 'EPERM')
    return new VivimError('Forbidden', 'The node may not read that file.', { field: 'path', cause })
  return new VivimError('NotFound', 'There is no such file or folder.', { field: 'path', cause })
}

function refuseUnreadable(cause: unknown): never {
  throw cause instanceof VivimError ? cause : unreadable(cause)
}
