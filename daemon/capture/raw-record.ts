import { deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Vault } from '../vault/vault.ts'

const PURPOSE = 'raw'
/** First bytes of a zstd frame; zlib's begin with 0x78. */
const ZSTD_MAGIC = 0xfd2fb528

/** What a provider gave for a conversation, byte for byte: compressed, then sealed. */
export function sealRawRecord(vault: Vault, raw: Uint8Array): Uint8Array {
  // Older Node 24 builds may lack zstd.
  const compress = zstdCompressSync ?? deflateSync
  return vault.seal(PURPOSE, compress(raw))
}

/** Throws VivimError `Corrupt` when it was not sealed here. */
export function openRawRecord(vault: Vault, sealed: Uint8Array): Uint8Array {
  const compressed = Buffer.from(vault.unseal(PURPOSE, sealed))
  const isZstd = compressed.length >= 4 && compressed.readUInt32LE(0) === ZSTD_MAGIC
  return isZstd ? zstdDecompressSync(compressed) : inflateSync(compressed)
}
