import { describe, expect, test } from 'vitest'
import { frontierDigest } from '../../../crdt/frontier.ts'
import type { Frame } from '../../../crdt/sync-frames.ts'
import { head, MEMBERS, TestSession } from './engine-session.ts'

const OTHERS = { digest: new Uint8Array(8).fill(2), documents: [Uint8Array.of(2)], peerIsMember: false }
const state = (frontier: Uint8Array, ask = false): Frame => ({
  type: 'state',
  frontier,
  members: MEMBERS.digest,
  ask,
})
const NOTHING = frontierDigest([])

describe('comparing', () => {
  test('says what it holds first, and nothing else', () => {
    const session = new TestSession().event({ type: 'start', frontier: [head(1, 3)], members: MEMBERS })
    expect(session.sent).toEqual([state(frontierDigest([head(1, 3)]))])
    expect(session.phase).toBe('opening')
  })

  test('equal frontiers are in sync at once, and the peer holds all of ours', () => {
    const own = [head(1, 3), head(2, 5)]
    const session = TestSession.comparing(own, frontierDigest(own))
    expect(session.did).toEqual(['* acknowledged', '* in-sync'])
    expect(session.find('acknowledged').positions).toEqual(own)
    expect(session.frame(state(frontierDigest(own))).did).toEqual([])
  })

  test('heads are sent when frontiers differ, once for what is held', () => {
    const session = TestSession.comparing([head(1, 3)], NOTHING)
    expect(session.sent).toEqual([{ type: 'have', heads: [head(1, 3)] }])
    expect(session.frame(state(frontierDigest([head(2, 1)]))).did).toEqual([])
  })

  test('asks for what the peer has beyond our heads, and for nothing if there is none', () => {
    const session = TestSession.comparing([head(1, 3), head(2, 2)], NOTHING)
    session.frame({ type: 'have', heads: [head(1, 3), head(2, 1)] })
    expect(session.did).toEqual(['* compare-heads'])
    session.frame({ type: 'have', heads: [head(1, 5), head(2, 1), head(3, 4)] })
    expect(session.sent).toMatchObject([
      {
        type: 'want',
        runs: [
          { sequence: 4, upTo: 5 },
          { sequence: 1, upTo: 4 },
        ],
      },
    ])
  })

  test('heads of a fork are for the vault to compare: nothing is asked for, and nothing compared for ever', () => {
    const session = TestSession.comparing([head(1, 3)], frontierDigest([head(1, 3, 1)]))
    session.frame({ type: 'have', heads: [head(1, 3, 1)] })
    expect(session.did).toEqual(['* compare-heads'])
    expect(session.frame(state(frontierDigest([head(1, 3, 1)]), true)).did).toEqual(['state'])
    expect(session.phase).toBe('comparing')
  })

  test('commits while in sync are told together while an answer is on its way', () => {
    const before = [head(1, 1)]
    const session = TestSession.comparing(before, frontierDigest(before))
    session.event({ type: 'committed', frontier: [head(1, 2)] })
    expect(session.sent).toEqual([
      state(frontierDigest([head(1, 2)]), true),
      { type: 'have', heads: [head(1, 2)] },
    ])
    for (const sequence of [3, 4, 5])
      expect(session.event({ type: 'committed', frontier: [head(1, sequence)] }).did).toEqual([])
    session.frame(state(frontierDigest(before)))
    expect(session.sent).toEqual([
      state(frontierDigest([head(1, 5)]), true),
      { type: 'have', heads: [head(1, 5)] },
    ])
  })

  test('a trigger asks once, and its answer is another moment in sync', () => {
    const own = [head(1, 1)]
    const session = TestSession.comparing(own, frontierDigest(own))
    expect(session.event({ type: 'trigger' }).sent).toEqual([state(frontierDigest(own), true)])
    expect(session.phase).toBe('comparing')
    expect(session.event({ type: 'trigger' }).did).toEqual([])
    expect(session.frame(state(frontierDigest(own))).did).toEqual(['* in-sync'])
  })

  test('a question is answered, an answer is not', () => {
    const own = [head(1, 1)]
    const session = TestSession.comparing(own, frontierDigest(own))
    expect(session.frame(state(frontierDigest(own), true)).sent).toEqual([state(frontierDigest(own))])
    expect(session.frame(state(frontierDigest(own))).did).toEqual([])
  })

  test('news of a commit that was overtaken changes nothing', () => {
    const own = [head(1, 5)]
    const session = TestSession.comparing(own, frontierDigest(own))
    expect(session.event({ type: 'committed', frontier: [head(1, 4)] }).did).toEqual([])
    expect(session.phase).toBe('in-sync')
  })
})

describe('members', () => {
  const meet = () =>
    new TestSession().event({ type: 'start', frontier: [head(1, 1)], members: OTHERS }).frame(state(NOTHING))

  test('of a stranger who knows no more than we do nothing is asked, and nothing told', () => {
    const session = new TestSession()
      .event({ type: 'start', frontier: [head(1, 1)], members: { ...MEMBERS, peerIsMember: false } })
      .frame(state(NOTHING))
    expect(session.sent).toEqual([{ type: 'bye', reason: 'not-a-device' }])
    expect(session.find('close').reason).toBe('not-a-device')
  })

  test('documents are exchanged once; heads that came too early are used when the peer is a member', () => {
    const session = meet()
    expect(session.sent).toEqual([{ type: 'members', documents: OTHERS.documents, more: false }])
    expect(session.phase).toBe('members')
    session.frame({ type: 'members', documents: MEMBERS.documents, more: false })
    expect(session.find('save-members').documents).toEqual(MEMBERS.documents)
    expect(session.frame({ type: 'have', heads: [head(2, 1)] }).did).toEqual([])
    session.event({ type: 'members', members: MEMBERS })
    expect(session.did).toEqual(['state', '* compare-heads', 'have', 'want'])
  })

  test('whoever is no member after that is told so, and nothing more', () => {
    const session = meet().frame({ type: 'members', documents: [Uint8Array.of(9)], more: false })
    expect(session.event({ type: 'members', members: OTHERS }).did).toEqual(['bye', '* close'])
  })

  test('what others tell us meanwhile is not taken for the answer', () => {
    const session = meet().frame({ type: 'members', documents: MEMBERS.documents, more: false })
    session.event({ type: 'members', members: OTHERS, news: true })
    expect(session.phase).toBe('members')
    expect(session.event({ type: 'members', members: MEMBERS }).did).toContain('have')
  })

  test('data of a peer that is no member ends the session', () => {
    const want: Frame = { type: 'want', runs: [{ ...head(1, 1), upTo: 1 }], credit: 1 }
    for (const frame of [want, { type: 'totals', operations: 1 }] as const)
      expect(meet().frame(frame).did).toEqual(['bye', '* close'])
  })

  test('a stranger who never comes to the point is not listened to for ever', () => {
    const session = meet()
    for (let frames = 1; frames <= 64; frames++) session.frame(state(NOTHING))
    expect(session.phase).toBe('members')
    expect(session.frame(state(NOTHING)).phase).toBe('closed')
  })

  test('a device that was removed is let go', () => {
    const own = [head(1, 1)]
    const session = TestSession.comparing(own, frontierDigest(own))
    session.event({ type: 'members', members: { ...MEMBERS, peerIsMember: false }, news: true })
    expect(session.did).toEqual(['bye', '* close'])
  })

  test('many documents go in several frames, the last of which says so', () => {
    const documents = Array.from({ length: 300 }, (_, index) => new Uint8Array(2_000).fill(index))
    const session = new TestSession()
      .event({ type: 'start', frontier: [], members: { ...OTHERS, documents } })
      .frame(state(NOTHING))
    const frames = session.sent.flatMap((frame) => (frame.type === 'members' ? [frame] : []))
    expect(frames.flatMap((frame) => frame.documents)).toEqual(documents)
    expect(frames.map(({ more }) => more)).toEqual([true, true, false])
  })
})

describe('the end of a session', () => {
  test('a goodbye is not answered', () => {
    const session = TestSession.comparing([], NOTHING).frame({ type: 'bye', reason: 'busy' })
    expect(session.effects).toEqual([{ type: 'close', reason: 'busy' }])
  })

  test('afterwards nothing happens', () => {
    const session = TestSession.comparing([], NOTHING).frame({ type: 'bye', reason: 'busy' })
    expect(session.event({ type: 'committed', frontier: [head(1, 1)] }).effects).toEqual([])
    expect(session.frame({ type: 'have', heads: [] }).effects).toEqual([])
  })

  test('a state comes first', () => {
    const session = new TestSession().event({ type: 'start', frontier: [], members: MEMBERS })
    expect(session.frame({ type: 'have', heads: [] }).sent).toEqual([{ type: 'bye', reason: 'protocol' }])
  })
})
