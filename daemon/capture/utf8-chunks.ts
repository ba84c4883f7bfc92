type Decoder = InstanceType<typeof TextDecoder>

/** Bytes as UTF-8, whatever byte order mark they begin with: programs on Windows write UTF-16. */
export async function* utf8Chunks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let decoder: Decoder | undefined
  let first = true
  for await (const chunk of chunks) {
    if (first && chunk.length >= 2) decoder = decoderOf(chunk)
    first = false
    yield decoder ? Buffer.from(decoder.decode(chunk, { stream: true })) : chunk
  }
  if (decoder) yield Buffer.from(decoder.decode())
}

function decoderOf(bytes: Uint8Array): Decoder | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le')
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be')
  return undefined
}

/** The whole of a file as text without its byte order mark; undefined beyond `maxBytes`. */
export async function wholeText(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<{ text: string; bytes: Uint8Array } | undefined> {
  const kept: Uint8Array[] = []
  let length = 0
  for await (const chunk of utf8Chunks(chunks)) {
    length += chunk.length
    if (length > maxBytes) return undefined
    kept.push(new Uint8Array(chunk))
  }
  const bytes = Buffer.concat(kept)
  return { text: bytes.toString('utf8').replace(/^\ufeff/, ''), bytes }
}

/** The beginning of a file as text, at most `maxBytes` of it. */
export async function beginningOf(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<string> {
  const kept: Uint8Array[] = []
  let length = 0
  for await (const chunk of utf8Chunks(chunks)) {
    kept.push(new Uint8Array(chunk))
    length += chunk.length
    if (length >= maxBytes) break
  }
  return Buffer.concat(kept)
    .subarray(0, maxBytes)
    .toString('utf8')
    .replace(/^\ufeff/, '')
}
