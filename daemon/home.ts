import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Paths } from '../config/paths.ts'
import { VivimError } from '../schema/errors.ts'
import { ensureNodeKey, readNodeSeed, readPeerId } from './identity/node-key.ts'

const PRIVATE = 0o700

/** Refuses a folder that holds something else: its permissions would be changed. @throws VivimError `Conflict` */
export function refuseForeignFolder({ home, config, keys }: Paths): void {
  if (!existsSync(home) || existsSync(config) || existsSync(keys) || readdirSync(home).length === 0) return
  const hint = 'Choose another place with --home, or use --force.'
  throw new VivimError('Conflict', 'The home would be a folder that holds other things.', { hint })
}

/** Makes the home and what is in it, for its owner alone. */
export function makeHome(paths: Paths): void {
  for (const folder of [paths.home, paths.run, paths.keys, nodeKeyFolder(paths), paths.users, paths.log]) {
    mkdirSync(folder, { recursive: true, mode: PRIVATE })
    chmodSync(folder, PRIVATE)
  }
}

/** The peer id of this home, whose key is made when it is missing. */
export function ensurePeerId(paths: Paths): string {
  const file = nodeKeyFile(paths)
  ensureNodeKey(file, (bytes) => new Uint8Array(randomBytes(bytes)))
  return peerIdOfHome(paths)
}

/** @throws VivimError `NotFound` when the home was never set up */
export function peerIdOfHome(paths: Paths): string {
  const peerId = readPeerId(nodeKeyFile(paths))
  if (peerId !== undefined) return peerId
  throw new VivimError('NotFound', `There is no node in ${paths.home} yet.`, {
    hint: 'Set it up with `vivimd init`.',
  })
}

/** The seed of the node's key. @throws as `peerIdOfHome` */
export function nodeSeedOfHome(paths: Paths): Uint8Array {
  peerIdOfHome(paths)
  return readNodeSeed(nodeKeyFile(paths))!
}

/** A folder of its own: every other file in `keys/` is a user's. */
function nodeKeyFolder({ keys }: Paths): string {
  return join(keys, 'node')
}

function nodeKeyFile(paths: Paths): string {
  return join(nodeKeyFolder(paths), 'key.json')
}
