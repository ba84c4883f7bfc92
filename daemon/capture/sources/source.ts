/** One file of a source. */
export interface SourceEntry {
  /** Relative, with `/` between folders. */
  readonly name: string
  readonly size: number
}

/** A file inside that cannot be read at all. */
export interface SourceProblem {
  readonly name: string
  readonly message: string
}

/** Where an export is read from: an archive, a folder, or one file. Nothing outside of it can be reached. */
export interface Source {
  readonly kind: 'zip' | 'folder' | 'file'
  /** What tells that it is the same as before: sizes and change times, nothing of the content. */
  readonly fingerprint: string
  entries(): Promise<readonly SourceEntry[]>
  /** The bytes of an entry. Throws VivimError `Corrupt` on damage, `NotFound` for a name that is not there. */
  open(name: string): AsyncIterable<Uint8Array>
  /** Opens an entry that is an archive, where that needs no copy of it. */
  openArchive?(name: string): Promise<Source>
  readonly problems?: readonly SourceProblem[]
  close(): Promise<void>
}
