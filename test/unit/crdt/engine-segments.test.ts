import { describe, expect, test } from 'vitest'
import { frontierDigest, type LogHead } from '../../../crdt/frontier.ts'
import type { Frame } from '../../../crdt/sync-frames.ts'
import { head, run, segment, TestSession } from './engine-session.ts'

const NOTHING = frontierDigest([])
const PROTOCOL = ['bye', '* close']

/** A session that asked a peer for the operations of its logs. */
function pulling(heads: readonly LogHead[], limits = { credit: 1_000, applyBytes: 1_000 }): TestSession {
  const operations = heads.reduce((sum, { sequence }) => sum + sequence, 0)
  return TestSession.comparing([], frontierDigest(heads), limits)
    .frame({ type: 'have', heads })
    .frame({ type: 'totals', operations })
}

/** A session whose peer holds nothing and asked for all of it. */
function serving(own: readonly LogHead[], credit: number): TestSession {
  const runs = own.map((log) => ({ ...log, sequence: 1, upTo: log.sequence }))
  return TestSession.comparing(own, NOTHING)
    .frame({ type: 'have', heads: [] })
    .frame({ type: 'want', runs, credit })
}

const read = (session: TestSession, segments: readonly Uint8Array[], upTo: number) =>
  session.event({ type: 'read', log: session.find('read').log, segments, upTo })

describe('what is on its way here', () => {
  test('is merged, then acknowledged, then compared', () => {
    const session = pulling([head(1, 4)])
    const bytes = segment(1, 1, 4)
    session.frame({ type: 'segment', bytes })
    expect(session.effects).toEqual([{ type: 'apply', segments: [bytes] }])
    session.event({ type: 'applied', frontier: [head(1, 4)], missingBlobs: [] })
    expect(session.did).toEqual(['ack', '* progress', 'state', '* acknowledged', '* in-sync'])
    expect(session.sent[0]).toEqual({ type: 'ack', credit: bytes.length })
    expect(session.find('progress')).toMatchObject({ done: 4, total: 4 })
    expect(session.find('in-sync')).toMatchObject({ applied: 4, sent: 0 })
  })

  test('is merged in batches, one at a time', () => {
    const each = segment(1, 1, 1).length
    const session = pulling([head(1, 4)], { credit: 10_000, applyBytes: each * 2 })
    expect(session.frame({ type: 'segment', bytes: segment(1, 1, 1) }).find('apply').segments).toHaveLength(1)
    for (const sequence of [2, 3, 4])
      expect(session.frame({ type: 'segment', bytes: segment(1, sequence, sequence) }).did).toEqual([])
    session.event({ type: 'applied', frontier: [head(1, 1)], missingBlobs: [] })
    expect(session.find('apply').segments).toEqual([segment(1, 2, 2), segment(1, 3, 3)])
    session.event({ type: 'applied', frontier: [head(1, 3)], missingBlobs: [] })
    expect(session.find('apply').segments).toEqual([segment(1, 4, 4)])
  })

  test('a segment larger than a batch is a batch', () => {
    const session = pulling([head(1, 1)], { credit: 10, applyBytes: 1 })
    expect(session.frame({ type: 'segment', bytes: segment(1, 1, 1) }).did).toEqual(['* apply'])
  })

  test.each<[string, Frame]>([
    ['of a log nobody asked for', { type: 'segment', bytes: segment(2, 1, 1) }],
    ['that leaves something out', { type: 'segment', bytes: segment(1, 2, 2) }],
    ['that is none', { type: 'segment', bytes: Uint8Array.of(1, 2, 3) }],
    ['announced twice', { type: 'totals', operations: 4 }],
  ])('a segment %s ends the session', (_, frame) => {
    expect(pulling([head(1, 4)]).frame(frame).did).toEqual(PROTOCOL)
  })

  test('the same segment twice, or one before the totals, ends the session', () => {
    const bytes = segment(1, 1, 1)
    const frame = { type: 'segment', bytes } as const
    expect(
      pulling([head(1, 4)])
        .frame(frame)
        .frame(frame).did,
    ).toEqual(PROTOCOL)
    const early = TestSession.comparing([], frontierDigest([head(1, 4)])).frame({
      type: 'have',
      heads: [head(1, 4)],
    })
    expect(early.frame(frame).did).toEqual(PROTOCOL)
  })

  test('no more waits than the credit and one segment', () => {
    const size = segment(1, 1, 1).length
    const session = pulling([head(1, 9)], { credit: size + 1, applyBytes: size })
    for (const sequence of [1, 2]) session.frame({ type: 'segment', bytes: segment(1, sequence, sequence) })
    expect(session.phase).toBe('exchanging')
    expect(session.frame({ type: 'segment', bytes: segment(1, 3, 3) }).did).toEqual(PROTOCOL)
  })

  test('what does not verify ends the session', () => {
    const session = pulling([head(1, 1)]).frame({ type: 'segment', bytes: segment(1, 1, 1) })
    expect(session.event({ type: 'refused' }).sent).toEqual([{ type: 'bye', reason: 'refused' }])
  })

  test('what was taken and did not count is not asked for again', () => {
    const session = pulling([head(1, 2)]).frame({ type: 'segment', bytes: segment(1, 1, 2) })
    session.event({ type: 'applied', frontier: [], missingBlobs: [] })
    expect(session.did).not.toContain('want')
    expect(session.frame({ type: 'have', heads: [head(1, 3)] }).sent).toMatchObject([
      { type: 'want', runs: [{ sequence: 3, upTo: 3 }] },
    ])
  })

  test('heads that come meanwhile are looked at afterwards, and our own news go first', () => {
    const session = pulling([head(1, 1)])
    expect(session.frame({ type: 'have', heads: [head(1, 2)] }).did).toEqual(['* compare-heads'])
    expect(session.event({ type: 'committed', frontier: [head(7, 1)] }).did).toEqual([])
    session.frame({ type: 'segment', bytes: segment(1, 1, 1) })
    session.event({ type: 'applied', frontier: [head(1, 1), head(7, 1)], missingBlobs: [] })
    expect(session.did).toEqual(['ack', '* progress', 'state', 'have', 'want'])
  })
})

describe('what is on its way there', () => {
  test('is announced, read piece by piece and sent to the end of what was asked for', () => {
    const session = serving([head(1, 4)], 1_000)
    expect(session.sent).toEqual([{ type: 'totals', operations: 4 }])
    expect(session.find('read')).toMatchObject({ log: { sequence: 1 }, maxBytes: 1_000 })
    read(session, [segment(1, 1, 3), segment(1, 4, 5), segment(1, 6, 6)], 6)
    expect(session.sent).toEqual([
      { type: 'segment', bytes: segment(1, 1, 3) },
      { type: 'segment', bytes: segment(1, 4, 5) },
    ])
    expect(session.phase).toBe('comparing')
  })

  test('logs take turns', () => {
    const session = serving([head(1, 4), head(2, 4)], 100_000)
    read(session, [segment(1, 1, 2)], 2)
    expect(session.find('read').log).toMatchObject({ device: head(2, 1).device, sequence: 1 })
    read(session, [segment(2, 1, 4)], 4)
    expect(session.find('read').log).toMatchObject({ device: head(1, 1).device, sequence: 3 })
  })

  test('stops where the credit ends, but for one segment, and goes on with the ACK', () => {
    const large = segment(1, 1, 1, 500)
    const session = serving([head(1, 3)], 100)
    read(session, [large], 1)
    expect(session.did).toEqual(['segment'])
    session.frame({ type: 'ack', credit: large.length })
    expect(session.did).toEqual(['* acknowledged', '* read'])
    expect(session.find('read')).toMatchObject({ log: { sequence: 2 }, maxBytes: 100 })
    const small = segment(1, 2, 2)
    read(session, [small, segment(1, 3, 3)], 3)
    expect(session.sent).toEqual([{ type: 'segment', bytes: small }])
  })

  test('one read at a time, of no more than 256 KiB', () => {
    const session = serving([head(1, 4)], 10_000_000)
    expect(session.find('read').maxBytes).toBe(256 * 1024)
    expect(session.event({ type: 'committed', frontier: [head(1, 9)] }).did).not.toContain('* read')
  })

  test.each<[string, Frame]>([
    ['what we do not have', { type: 'want', runs: [run(1, 1, 5)], credit: 1 }],
    ['a log we do not have', { type: 'want', runs: [run(2, 1, 1)], credit: 1 }],
  ])('a wish for %s ends the session', (_, frame) => {
    expect(TestSession.comparing([head(1, 4)], NOTHING).frame(frame).did).toEqual(PROTOCOL)
  })

  test('a second wish, or an ACK for more than was sent, ends the session', () => {
    const want: Frame = { type: 'want', runs: [run(1, 1, 4)], credit: 1 }
    expect(serving([head(1, 4)], 1_000).frame(want).did).toEqual(PROTOCOL)
    const sent = () => read(serving([head(1, 4)], 1_000), [segment(1, 1, 4)], 4)
    const credit = segment(1, 1, 4).length
    const acknowledged = sent().frame({ type: 'ack', credit })
    expect(acknowledged.did).toEqual(['* acknowledged'])
    expect(acknowledged.find('acknowledged').positions).toEqual([
      { device: head(1, 4).device, incarnation: head(1, 4).incarnation, sequence: 4 },
    ])
    expect(sent().frame({ type: 'ack', credit: credit + 1 }).did).toEqual(PROTOCOL)
    expect(sent().frame({ type: 'ack', credit: credit - 1 }).did).toEqual(PROTOCOL)
    expect(acknowledged.frame({ type: 'ack', credit }).did).toEqual(PROTOCOL)
  })

  test('when the disk has less than was announced we say goodbye rather than wait', () => {
    expect(read(serving([head(1, 4)], 1_000), [], 0).sent).toEqual([{ type: 'bye', reason: 'closing' }])
    expect(read(serving([head(1, 4)], 1_000), [Uint8Array.of(0)], 4).sent).toEqual([
      { type: 'bye', reason: 'closing' },
    ])
  })
})
