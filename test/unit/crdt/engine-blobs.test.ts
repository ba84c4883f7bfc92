import { describe, expect, test } from 'vitest'
import { frontierDigest } from '../../../crdt/frontier.ts'
import { sha256 } from '../../../crdt/hash.ts'
import { head, segment, TestSession } from './engine-session.ts'

const OWN = [head(1, 3)]
const PROTOCOL = ['bye', '* close']
const hash = (number: number) => sha256(Uint8Array.of(number & 255, number >> 8))
const inSync = () => TestSession.comparing(OWN, frontierDigest(OWN))
const asking = (count: number) =>
  inSync().event({ type: 'missing-blobs', hashes: Array.from({ length: count }, (_, index) => hash(index)) })
const piece = (number: number, offset: number, total: number, length: number) =>
  ({ type: 'blob', hash: hash(number), offset, total, bytes: new Uint8Array(length) }) as const

describe('blobs we lack', () => {
  test('are asked for once in a session', () => {
    const session = asking(2)
    expect(session.sent).toEqual([{ type: 'want-blobs', hashes: [hash(0), hash(1)] }])
    session.event({ type: 'applied', frontier: OWN, missingBlobs: [hash(1), hash(2)] })
    expect(session.sent).toEqual([{ type: 'want-blobs', hashes: [hash(2)] }])
    expect(session.event({ type: 'missing-blobs', hashes: [hash(0)] }).did).toEqual([])
  })

  test('are stored piece by piece, in order', () => {
    const session = asking(2)
    expect(session.frame(piece(0, 0, 15, 10)).find('store-blob-piece')).toMatchObject({
      offset: 0,
      total: 15,
    })
    expect(session.frame(piece(0, 10, 15, 5)).find('store-blob-piece')).toMatchObject({ offset: 10 })
    expect(session.frame(piece(1, 0, 0, 0)).did).toEqual([])
    expect(session.frame(piece(1, 0, 0, 0)).did).toEqual(PROTOCOL)
  })

  test.each([
    ['nobody asked for', piece(7, 0, 10, 10)],
    ['out of turn', piece(1, 0, 10, 10)],
    ['that begins in the middle', piece(0, 5, 10, 5)],
    ['longer than it is', piece(0, 0, 10, 11)],
    ['without bytes', piece(0, 0, 10, 0)],
    ['absent with bytes', piece(0, 0, 0, 1)],
  ])('a piece %s ends the session', (_, frame) => {
    expect(asking(2).frame(frame).did).toEqual(PROTOCOL)
  })

  test('a piece that repeats, or of another size, ends the session', () => {
    expect(
      asking(1)
        .frame(piece(0, 0, 15, 10))
        .frame(piece(0, 0, 15, 10)).did,
    ).toEqual(PROTOCOL)
    expect(
      asking(1)
        .frame(piece(0, 0, 15, 10))
        .frame(piece(0, 10, 16, 5)).did,
    ).toEqual(PROTOCOL)
  })

  test('no more than 1,000 are asked for at a time', () => {
    const session = asking(1_500)
    expect(session.sent).toMatchObject([{ type: 'want-blobs' }])
    expect(session.sent.flatMap((frame) => (frame.type === 'want-blobs' ? frame.hashes : []))).toHaveLength(
      1_000,
    )
    let asked = 1_000
    for (let index = 0; index < 1_500; index++) {
      session.frame(piece(index, 0, 0, 0))
      for (const frame of session.sent) if (frame.type === 'want-blobs') asked += frame.hashes.length
    }
    expect(asked).toBe(1_500)
    expect(session.phase).toBe('in-sync')
  })
})

describe('blobs a peer lacks', () => {
  const blob = (number: number, offset: number, total: number, length: number) =>
    ({ type: 'blob', hash: hash(number), offset, total, bytes: new Uint8Array(length) }) as const

  test('are read piece by piece, one after the other', () => {
    const session = inSync().frame({ type: 'want-blobs', hashes: [hash(0), hash(1)] })
    expect(session.effects).toEqual([{ type: 'read-blob', hash: hash(0), offset: 0, maxBytes: 128 * 1024 }])
    session.event(blob(0, 0, 200_000, 131_072))
    expect(session.did).toEqual(['blob', '* read-blob'])
    expect(session.find('read-blob')).toMatchObject({ hash: hash(0), offset: 131_072 })
    session.event(blob(0, 131_072, 200_000, 68_928))
    expect(session.find('read-blob')).toMatchObject({ hash: hash(1), offset: 0 })
    expect(session.event(blob(1, 0, 0, 0)).sent).toMatchObject([{ type: 'blob', total: 0 }])
  })

  test('one that goes meanwhile is absent', () => {
    const session = inSync().frame({ type: 'want-blobs', hashes: [hash(0)] })
    session.event(blob(0, 0, 200_000, 131_072))
    expect(session.event(blob(0, 131_072, 0, 0)).sent).toMatchObject([{ type: 'blob', offset: 0, total: 0 }])
  })

  test('more than 1,000 waiting ends the session', () => {
    const session = inSync().frame({
      type: 'want-blobs',
      hashes: Array.from({ length: 1_000 }, () => hash(0)),
    })
    expect(session.phase).toBe('in-sync')
    expect(session.frame({ type: 'want-blobs', hashes: [hash(0)] }).did).toEqual(PROTOCOL)
  })

  test('segments and blobs take turns', () => {
    const session = TestSession.comparing(OWN, frontierDigest([]))
    session.frame({ type: 'want', runs: [{ ...head(1, 1), upTo: 3 }], credit: 10_000 })
    session.frame({ type: 'want-blobs', hashes: [hash(0), hash(1)] })
    const log = head(1, 1)
    session.event({ type: 'read', log, segments: [segment(1, 1, 1)], upTo: 1 })
    expect(session.did).toEqual(['segment', '* read-blob'])
    session.event(blob(0, 0, 5, 5))
    expect(session.did).toEqual(['blob', '* read'])
    session.event({ type: 'read', log, segments: [segment(1, 2, 2)], upTo: 2 })
    expect(session.did).toEqual(['segment', '* read-blob'])
  })
})
