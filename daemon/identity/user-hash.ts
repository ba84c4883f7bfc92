import { hash } from 'node:crypto'

/** Lower-case hex SHA-256 of a DID: its name in the file system, because base58 collides where case is folded. */
export function userHash(did: string): string {
  return hash('sha256', did, 'hex')
}
