import { readFileSync } from 'node:fs'
import { base58 } from '@scure/base'
import { z } from 'zod'
import { VivimError } from '../../schema/errors.ts'
import { createFile } from './atomic-file.ts'
import { privateKeyOfSeed, publicKeyBytes } from './ed25519.ts'
import type { Random } from './key-wrapping.ts'

const FORMAT = 'vivimd/node-key/1'
const NodeKeyFile = z.strictObject({ format: z.literal(FORMAT), seed: z.base64() })
const SEED_BYTES = 32
/** An identity multihash of 36 bytes: the protobuf {type: Ed25519, data: 32 bytes} (libp2p peer-ids specification). */
const PEER_ID_PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The name of an Ed25519 public key among libp2p nodes: `12D3KooW…`. */
export function peerIdOf(publicKey: Uint8Array): string {
  return base58.encode(Buffer.concat([PEER_ID_PREFIX, publicKey]))
}

/** The public key in a peer id of that form; undefined for any other. */
export function publicKeyOfPeer(peerId: string): Uint8Array | undefined {
  try {
    const bytes = base58.decode(peerId)
    const key = bytes.subarray(PEER_ID_PREFIX.length)
    return key.length === SEED_BYTES && peerIdOf(key) === peerId ? new Uint8Array(key) : undefined
  } catch {
    return undefined
  }
}

/** Makes the node's key, 0600, unless there is one. Its folder must exist. */
export function ensureNodeKey(path: string, random: Random): void {
  const seed = Buffer.from(random(SEED_BYTES)).toString('base64')
  createFile(path, Buffer.from(`${JSON.stringify({ format: FORMAT, seed })}\n`))
}

/** The peer id of the node's key; undefined when there is no key. @throws VivimError `Corrupt` */
export function readPeerId(path: string): string | undefined {
  const seed = readNodeSeed(path)
  return seed && peerIdOf(publicKeyBytes(privateKeyOfSeed(seed)))
}

/** The seed of the node's Ed25519 key, 32 bytes; undefined when there is no key. @throws VivimError `Corrupt` */
export function readNodeSeed(path: string): Uint8Array | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const seed = seedIn(text)
  if (seed?.length !== SEED_BYTES) throw new VivimError('Corrupt', "The node's key file failed its check.")
  return seed
}

function seedIn(text: string): Uint8Array | undefined {
  try {
    return Buffer.from(NodeKeyFile.parse(JSON.parse(text)).seed, 'base64')
  } catch {
    return undefined
  }
}
