import { describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { frontierDigest } from '../../../crdt/frontier.ts'
import { EVERYTHING, type Range } from '../../../crdt/range-fingerprints.ts'
import {
  type AuditFrame,
  type AuditTuple,
  heldDigest,
  tupleDifference,
} from '../../../crdt/sync-audit-frames.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../../crdt/sync-frames.ts'
import { AuditSchedule } from '../../../daemon/sync/audit-schedule.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { head, TestSession } from './engine-session.ts'

const bytes = (fill: number, length = 32) => new Uint8Array(length).fill(fill)
const TUPLE: AuditTuple = {
  frontier: bytes(1),
  held: bytes(2),
  membership: bytes(0),
  schema: 6,
  visibleFrom: 0,
  floor: bytes(0),
}
const OTHER: AuditTuple = { ...TUPLE, schema: 7 }
const question = (digest = bytes(9), tuple = TUPLE): Frame => ({ type: 'audit', tuple, digest, fresh: false })
const range = (from: string, to: string | null): Range => ({
  from: { table: 1, key: from },
  to: to === null ? null : { table: 1, key: to },
})

/** A session in sync. */
function inSync(): TestSession {
  const own = [head(1, 3)]
  return TestSession.comparing(own, frontierDigest(own))
}

describe('frames', () => {
  const name = { table: 3, key: 'abc' }
  const marker = { table: 3, key: bytes(7) }
  test.each<AuditFrame>([
    { type: 'audit', tuple: { ...TUPLE, visibleFrom: 2 ** 40 }, digest: bytes(3), fresh: true },
    { type: 'audit-state', tuple: TUPLE, digest: bytes(3) },
    { type: 'audit-state', tuple: TUPLE, digest: undefined },
    { type: 'audit-ranges', ranges: [EVERYTHING, range('a', 'b')], names: [] },
    { type: 'audit-ranges', ranges: [], names: [name, marker] },
    { type: 'audit-answers', answers: [] },
    {
      type: 'audit-answers',
      answers: [
        { items: [] },
        { items: [{ ...marker, hash: bytes(1) }] },
        { bounds: [name], fingerprints: [bytes(1, 16), bytes(2, 16)] },
      ],
    },
  ])('are what they were: %j', (frame) => expect(decodeFrame(encodeFrame(frame))).toEqual(frame))

  test('of the largest answers one fits a frame, and the limits hold', () => {
    const key = 'k'.repeat(LIMITS.keyBytes)
    const items = Array.from({ length: 31 }, () => ({ table: 1, key, hash: bytes(1) }))
    expect(encodeFrame({ type: 'audit-answers', answers: [{ items }] }).length).toBeLessThan(20_000)
    const names = Array.from({ length: LIMITS.syncAuditRows }, () => ({ table: 1, key }))
    expect(() => encodeFrame({ type: 'audit-ranges', ranges: [], names })).not.toThrow()
    const ranges = Array.from({ length: LIMITS.syncAuditRanges }, () => range(key, key))
    expect(() => encodeFrame({ type: 'audit-ranges', ranges, names: [] })).not.toThrow()
  })

  test.each<[string, unknown[]]>([
    ['a tuple of five', [16, [bytes(1), bytes(1), bytes(1), 1, 0], bytes(1), true]],
    ['a short digest', [16, [bytes(1), bytes(1), bytes(1), 1, 0, bytes(1)], bytes(1, 31), true]],
    ['a key too long', [18, [[[1, 'k'.repeat(513)], null]], []]],
    ['a key that no row has', [18, [[[1, 'a\0b'], null]], []]],
    ['a marker too long', [18, [[[1, bytes(1, 33)], null]], []]],
    ['too many ranges', [18, Array(65).fill([[1, 'a'], null]), []]],
    ['too many names', [18, [], Array(257).fill([1, 'a'])]],
    ['thirty-two items', [19, [[Array(32).fill([1, 'a', bytes(1)])]]]],
    ['seventeen parts', [19, [[Array(16).fill([1, 'a']), Array(17).fill(bytes(1, 16))]]]],
    ['a negative table', [18, [[[-1, 'a'], null]], []]],
  ])('%s is none', (_, parts) => expect(() => decodeFrame(encodeCanonical(parts as never))).toThrow())

  test('holds are compared whatever their order; every part of a tuple counts', () => {
    const hold = (sequence: number, reason = 'future') => ({
      device: bytes(1),
      incarnation: bytes(1, 8),
      sequence,
      reason,
    })
    expect(heldDigest([hold(1), hold(2)])).toEqual(heldDigest([hold(2), hold(1)]))
    expect(heldDigest([hold(1)])).not.toEqual(heldDigest([hold(1, 'schema')]))
    expect(tupleDifference(TUPLE, { ...TUPLE, frontier: bytes(1) })).toBeUndefined()
    for (const [part, value] of Object.entries({ ...TUPLE, schema: 5, visibleFrom: 1 }))
      if (value instanceof Uint8Array)
        expect(tupleDifference(TUPLE, { ...TUPLE, [part]: bytes(200) })).toBe(part)
    expect(tupleDifference(TUPLE, { ...TUPLE, visibleFrom: 1 })).toBe('visibleFrom')
  })
})

describe('a question', () => {
  test('is answered; under another tuple without reading the rows', () => {
    const session = inSync().frame(question())
    expect(session.find('audit-measure')).toMatchObject({ role: 'answering', unless: TUPLE })
    session.event({ type: 'audit-measured', role: 'answering', tuple: OTHER, digest: undefined })
    expect(session.sent).toEqual([{ type: 'audit-state', tuple: OTHER, digest: undefined }])
    expect(session.find('audited')).toMatchObject({ result: 'incomparable', differs: 'schema' })
  })

  test('before the last one was answered ends the session', () => {
    const session = inSync().frame(question()).frame(question())
    expect(session.find('close').reason).toBe('protocol')
  })

  test('too often in an hour ends the session; hours of two devices need not begin together', () => {
    const session = inSync()
    const ask = () => {
      session.frame(question())
      if (session.phase === 'closed') return false
      session.event({ type: 'audit-measured', role: 'answering', tuple: TUPLE, digest: bytes(9) })
      return true
    }
    for (let asked = 0; asked < 2 * LIMITS.syncAuditQuestions; asked++) expect(ask()).toBe(true)
    session.event({ type: 'hour' })
    for (let asked = 0; asked < 2 * LIMITS.syncAuditQuestions; asked++) expect(ask()).toBe(true)
    expect(ask()).toBe(false)
  })
})

describe('ranges are answered', () => {
  const unequal = (session: TestSession) =>
    session
      .frame(question())
      .event({ type: 'audit-measured', role: 'answering', tuple: TUPLE, digest: bytes(8) })
  const ranges = (...asked: Range[]): Frame => ({ type: 'audit-ranges', ranges: asked, names: [] })

  test('after two unequal looks', () => {
    const session = unequal(unequal(inSync())).frame(ranges(EVERYTHING))
    expect(session.find('audit-split')).toMatchObject({ tuple: TUPLE, ranges: [EVERYTHING] })
    session.event({ type: 'audit-split', split: { answers: [{ items: [] }], walked: 0, rows: 0 } })
    expect(session.sent).toEqual([{ type: 'audit-answers', answers: [{ items: [] }] }])
  })

  test.each<[string, () => TestSession]>([
    ['without a question', () => inSync().frame(ranges(EVERYTHING))],
    ['after one unequal look', () => unequal(inSync()).frame(ranges(EVERYTHING))],
    ['that overlap', () => unequal(unequal(inSync())).frame(ranges(range('a', null), range('b', null)))],
    [
      'while others are',
      () => unequal(unequal(inSync())).frame(ranges(EVERYTHING)).frame(ranges(EVERYTHING)),
    ],
    [
      'that make this side read too much',
      () => {
        const session = unequal(unequal(inSync()))
        for (let round = 0; round < 20 && session.phase !== 'closed'; round++)
          session
            .frame(ranges(EVERYTHING))
            .event({ type: 'audit-split', split: { answers: [{ items: [] }], walked: 5_000, rows: 5_000 } })
        return session
      },
    ],
    [
      'without an end',
      () => {
        const session = unequal(unequal(inSync()))
        for (let round = 0; round < LIMITS.syncAuditRounds; round++)
          session
            .frame(ranges(range('a', 'b')))
            .event({ type: 'audit-split', split: { answers: [{ items: [] }], walked: 0, rows: 5_000 } })
        expect(session.phase).toBe('in-sync')
        session.frame(ranges(range('a', 'b')))
        return session
      },
    ],
    ['nobody asked for', () => inSync().frame({ type: 'audit-answers', answers: [] })],
    [
      'with a state nobody asked for',
      () => inSync().frame({ type: 'audit-state', tuple: TUPLE, digest: bytes(1) }),
    ],
  ])('%s: the session ends', (_, session) => expect(session().find('close').reason).toBe('protocol'))
})

test('an audit nobody asked for comes after changes, at most once an hour', () => {
  const schedule = new AuditSchedule(0, 0.5)
  const hour = LIMITS.syncAuditEveryMs
  expect(schedule.due(0.4 * hour, bytes(1))).toBe(false)
  expect(schedule.due(0.5 * hour, bytes(1))).toBe(true)
  schedule.done(0.5 * hour, bytes(1))
  expect(schedule.due(9 * hour, bytes(1))).toBe(false)
  expect(schedule.due(1.4 * hour, bytes(2))).toBe(false)
  expect(schedule.due(1.5 * hour, bytes(2))).toBe(true)
  schedule.done(1.5 * hour, undefined) // it told nothing
  expect(schedule.due(2.6 * hour, bytes(2))).toBe(true)
})
