import { LIMITS } from '../schema/limits.ts'
import type { Frame } from './sync-frames.ts'
import { insist, same, send, type Turn } from './sync-session-state.ts'

/** A blob the other side waits for. */
export interface AskedBlob {
  readonly hash: Uint8Array
  /** Of the next piece. */
  readonly offset: number
  /** Known after the first piece. */
  readonly total?: number
}

/** A blob this side waits for. */
export type AwaitedBlob = AskedBlob

type Piece = Omit<Extract<Frame, { type: 'blob' }>, 'type'>

/** Asks once in a round for each of them, for no more at a time than the other side has to remember. */
export function wantBlobs({ session }: Turn, missing: readonly Uint8Array[]): void {
  const fresh = new Map(missing.map((hash) => [Buffer.from(hash).toString('hex'), hash]))
  for (const name of session.blobsNamed) fresh.delete(name)
  if (fresh.size === 0) return
  session.blobsNamed = new Set([...session.blobsNamed, ...fresh.keys()])
  session.blobsWanted = [...session.blobsWanted, ...fresh.values()]
}

export function askForBlobs(turn: Turn): void {
  const { session } = turn
  // In runs, so that a blob that arrives is not answered by a frame that asks for one more.
  const room = LIMITS.syncHashes - session.blobsAwaited.length
  if (session.blobsWanted.length === 0 || (room < LIMITS.syncHashes / 2 && session.blobsAwaited.length > 0))
    return
  const hashes = session.blobsWanted.slice(0, room)
  session.blobsWanted = session.blobsWanted.slice(room)
  session.blobsAwaited = [...session.blobsAwaited, ...hashes.map((hash) => ({ hash, offset: 0 }))]
  send(turn, { type: 'want-blobs', hashes })
}

/** Blobs come in the order they were asked for, and their pieces from the first byte to the last. */
export function onBlobFrame({ session, effects }: Turn, { hash, offset, total, bytes }: Piece): void {
  const [awaited, ...others] = session.blobsAwaited
  insist(awaited !== undefined && same(awaited.hash, hash))
  if (total === 0) {
    // It stays named: in this round it is not asked for again.
    insist(offset === 0 && bytes.length === 0)
    session.blobsAwaited = others
    return
  }
  const end = offset + bytes.length
  insist(offset === awaited.offset && total === (awaited.total ?? total))
  insist(bytes.length > 0 && end <= total)
  session.blobsAwaited = end === total ? others : [{ hash: awaited.hash, offset: end, total }, ...others]
  if (end === total) forget(session, hash)
  effects.push({ type: 'store-blob-piece', hash, offset, total, bytes })
}

/** A new round: what the other side did not have, or what came and was not right, may be asked for again. */
export function askAgain(session: Turn['session']): void {
  const open = [...session.blobsWanted, ...session.blobsAwaited.map(({ hash }) => hash)]
  session.blobsNamed = new Set(open.map((hash) => Buffer.from(hash).toString('hex')))
}

function forget(session: Turn['session'], hash: Uint8Array): void {
  const named = new Set(session.blobsNamed)
  named.delete(Buffer.from(hash).toString('hex'))
  session.blobsNamed = named
}

export function onWantBlobs({ session }: Turn, hashes: readonly Uint8Array[]): void {
  insist(session.blobsAsked.length + hashes.length <= LIMITS.syncHashes)
  session.blobsAsked = [...session.blobsAsked, ...hashes.map((hash) => ({ hash, offset: 0 }))]
}

export function readBlob({ session, effects }: Turn, { hash, offset }: AskedBlob): void {
  session.reading = 'blob'
  effects.push({ type: 'read-blob', hash, offset, maxBytes: LIMITS.syncBlobPieceBytes })
}

export function onBlobRead(turn: Turn, { total, bytes }: Piece): void {
  const { session } = turn
  const [asked, ...others] = session.blobsAsked
  if (session.reading !== 'blob' || !asked) return
  session.reading = 'nothing'
  session.lastRead = 'blob'
  const { hash, offset } = asked
  const end = offset + bytes.length
  // A blob may go, or be too large for anybody to take, while it is on its way: then it is absent.
  const present = bytes.length > 0 && end <= total && total === (asked.total ?? total)
  if (!present || total > LIMITS.syncBlobBytes) {
    session.blobsAsked = others
    send(turn, { type: 'blob', hash, offset: 0, total: 0, bytes: new Uint8Array(0) })
    return
  }
  session.blobsAsked = end === total ? others : [{ hash, offset: end, total }, ...others]
  send(turn, { type: 'blob', hash, offset, total, bytes })
}
