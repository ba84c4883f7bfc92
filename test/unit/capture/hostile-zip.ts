import yazl from 'yazl'

export interface ZipMember {
  readonly name: string
  readonly data: string | Buffer
  readonly mode?: number
  readonly compress?: boolean
}

export async function zipOf(members: readonly ZipMember[]): Promise<Buffer> {
  const zip = new yazl.ZipFile()
  for (const { name, data, mode, compress } of members)
    zip.addBuffer(Buffer.from(data), name, {
      mtime: new Date('2026-01-01T00:00:00Z'),
      ...(mode === undefined ? {} : { mode }),
      compress: compress ?? true,
    })
  zip.end()
  const chunks: Buffer[] = []
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Puts another text of the same length in every place: the packer refuses names that are worth a test. */
export function patched(bytes: Buffer, from: string, to: string): Buffer {
  if (from.length !== to.length) throw new Error('a patch keeps the length')
  const copy = Buffer.from(bytes)
  for (let at = copy.indexOf(from); at !== -1; at = copy.indexOf(from, at + 1)) copy.write(to, at, 'latin1')
  return copy
}
