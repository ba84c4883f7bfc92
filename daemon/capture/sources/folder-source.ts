import { closeSync, constants, type Dirent, openSync } from 'node:fs'
import { lstat, readdir, realpath } from 'node:fs/promises'
import { join, matchesGlob } from 'node:path'
import { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { readFileBytes } from './file-source.ts'
import { isInside } from './private-folders.ts'
import type { Source, SourceEntry } from './source.ts'
import { ZipSource } from './zip-source.ts'

const MAX_FOLDER_DEPTH = 32

/** The plain files of a folder and the folders in it. Links and the node's own data are passed over. */
export class FolderSource implements Source {
  readonly kind = 'folder'
  readonly fingerprint: string
  readonly #root: string
  readonly #entries: ReadonlyMap<string, SourceEntry>

  private constructor(root: string, entries: ReadonlyMap<string, SourceEntry>, fingerprint: string) {
    this.#root = root
    this.#entries = entries
    this.fingerprint = fingerprint
  }

  /** @param wanted a pattern, relative to the folder: only what fits it is seen. */
  static async open(root: string, privateFolders: readonly string[], wanted?: string): Promise<FolderSource> {
    const maxDepth =
      wanted === undefined || wanted.includes('**') ? MAX_FOLDER_DEPTH : wanted.split('/').length - 1
    const entries = new Map<string, SourceEntry>()
    let newest = 0
    let bytes = 0
    const visit = async (folder: string, depth: number): Promise<void> => {
      const path = join(root, folder)
      if (isInside(await realpath(path), privateFolders)) return
      for (const item of await listed(path)) {
        const name = folder === '' ? item.name : `${folder}/${item.name}`
        if (item.isDirectory() && depth < maxDepth) await visit(name, depth + 1)
        if (!item.isFile() || (wanted !== undefined && !matchesGlob(name, wanted))) continue
        if (entries.size === LIMITS.archiveEntries)
          throw new VivimError('TooLarge', 'The folder holds too many files.')
        const { size, mtimeMs } = await lstat(join(root, name))
        entries.set(name, { name, size })
        newest = Math.max(newest, mtimeMs)
        bytes += size
      }
    }
    await visit('', 0)
    return new FolderSource(root, entries, `folder ${entries.size} ${bytes} ${newest}`)
  }

  async entries(): Promise<readonly SourceEntry[]> {
    return [...this.#entries.values()]
  }

  async *open(name: string): AsyncIterable<Uint8Array> {
    if (!this.#entries.has(name)) throw new VivimError('NotFound', 'The folder has no such file.')
    const descriptor = openSync(join(this.#root, name), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      yield* readFileBytes(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  async openArchive(name: string): Promise<Source> {
    const descriptor = openSync(join(this.#root, name), constants.O_RDONLY | constants.O_NOFOLLOW)
    return ZipSource.fromDescriptor(descriptor, '').catch((error) => {
      closeSync(descriptor)
      throw error
    })
  }

  async close(): Promise<void> {}
}

async function listed(path: string): Promise<Dirent[]> {
  const items = await readdir(path, { withFileTypes: true })
  return items.sort((a, b) => (a.name < b.name ? -1 : 1))
}
