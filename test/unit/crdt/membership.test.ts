import { createHash, createHmac } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { exclusionOf, judgeSegment, type Membership } from '../../../crdt/authority.ts'
import { type CutOffs, readCutOffs, signCutOffs } from '../../../crdt/cut-offs.ts'
import { GENESIS_HASH } from '../../../crdt/log.ts'
import { hex, MembershipLog } from '../../../crdt/membership.ts'
import {
  type MembershipChange,
  readMembershipEntry,
  resolutionMessage,
  type SignedEntry,
  signMembershipEntry,
} from '../../../crdt/membership-entry.ts'
import { type SeededRandom, testRandom } from '../../support/seed.ts'

const DID = 'did:key:z6MkTest'
const SPACE = bytes('space')
const sign = (message: Uint8Array) => createHmac('sha512', 'root').update(message).digest()
const signAs = (device: Uint8Array, message: Uint8Array) =>
  createHmac('sha512', device).update(message).digest()
const verify = (message: Uint8Array, signature: Uint8Array, device?: Uint8Array) =>
  Buffer.compare(device ? signAs(device, message) : sign(message), signature) === 0

const LOST = bytes('lost')
const KEPT = bytes('kept')
const CHILD = bytes('enrolled by the lost one')
const INCARNATION = bytes('incarnation').slice(0, 8)

describe('an entry of the DID log', () => {
  test('comes back as it was signed, and in no other bytes', () => {
    for (const change of [
      { kind: 'admit', device: KEPT, role: 'writer', capabilities: ['sign'] },
      { kind: 'revoke', device: LOST, cutOffs: [bytes('cut-offs')] },
      { kind: 'role', device: KEPT, role: 'reader' },
    ] satisfies MembershipChange[]) {
      const signed = signMembershipEntry({ did: DID, number: 1, previous: GENESIS_HASH, at: 7, change }, sign)
      const entry = readMembershipEntry(signed, DID, verify)
      expect(entry).toMatchObject({ number: 1, at: 7, change })
      for (let at = 0; at < signed.length; at++) {
        const changed = new Uint8Array(signed)
        changed[at]! ^= 1
        expect(readMembershipEntry(changed, DID, verify)).toBeUndefined()
      }
      expect(readMembershipEntry(signed, 'did:key:z6MkOther', verify)).toBeUndefined()
      expect(readCutOffs(signed, verify)).toBeUndefined()
    }
  })
})

describe('the fold of a DID log', () => {
  const first = entry(undefined, { kind: 'admit', device: CHILD, role: 'writer', capabilities: ['sign'] })
  const second = entry(first, { kind: 'revoke', device: LOST, cutOffs: [bytes('a')] })
  const third = entry(second, { kind: 'role', device: KEPT, role: 'reader' })
  const otherThird = entry(second, { kind: 'revoke', device: KEPT, cutOffs: [bytes('b')] })
  const fourth = entry(third, { kind: 'admit', device: bytes('late'), role: 'writer', capabilities: [] })

  test('is the same in whatever order the entries come, on one line and on two', () => {
    for (const entries of [
      [first, second, third, fourth],
      [first, second, third, otherThird, fourth],
    ]) {
      const expected = shownOf(new MembershipLog(entries))
      for (const order of permutations(entries)) {
        expect(shownOf(new MembershipLog(order))).toEqual(expected)
        expect(shownOf(new MembershipLog([...order, ...order]))).toEqual(expected)
      }
    }
  })

  test('at a head takes the entries before it and no later one', () => {
    const log = new MembershipLog([fourth, third, second, first])
    expect(log.head).toEqual(fourth.hash)
    expect(log.foldAt(first.hash).revoked.size).toBe(0)
    expect([...log.foldAt(second.hash).revoked.keys()]).toEqual([hex(LOST)])
    expect(log.foldAt(second.hash).roles.get(hex(KEPT))).toBeUndefined()
    expect(log.foldAt(third.hash).roles.get(hex(KEPT))).toBe('reader')
    expect(log.foldAt(GENESIS_HASH).admitted.size).toBe(0)
  })

  test('knows ancestors, and nothing of what is not linked', () => {
    const gap = new MembershipLog([first, third, fourth])
    expect(gap.size).toBe(1)
    expect(gap.head).toEqual(first.hash)
    expect(gap.knows(third.hash)).toBe(false)
    expect(gap.descends(third.hash, first.hash)).toBe(false)
    const log = new MembershipLog([first, second, third, otherThird])
    expect(log.descends(third.hash, GENESIS_HASH)).toBe(true)
    expect(log.descends(third.hash, third.hash)).toBe(true)
    expect(log.descends(third.hash, first.hash)).toBe(true)
    expect(log.descends(first.hash, third.hash)).toBe(false)
    expect(log.descends(third.hash, otherThird.hash)).toBe(false)
  })

  test('two versions: revocations of both count, nobody new is admitted, a writer stays on its line', () => {
    const log = new MembershipLog([first, second, third, otherThird, fourth])
    expect(log.forkedAt).toBe(3)
    expect(log.heads).toHaveLength(2)
    expect([...log.whole.revoked.keys()].sort()).toEqual([hex(LOST), hex(KEPT)].sort())
    expect(log.whole.admitted).toEqual(new Set([hex(CHILD)]))
    expect(log.headAfter(otherThird.hash)).toEqual(otherThird.hash)
    expect(log.headAfter(third.hash)).toEqual(fourth.hash)
    expect(new MembershipLog([first, second, third, fourth]).forkedAt).toBeUndefined()
  })

  describe('that parted', () => {
    const resolved = (before: SignedEntry, chosen: SignedEntry) => {
      const { did, number, hash } = { did: DID, number: chosen.number, hash: chosen.hash }
      const of = { did, previous: before.hash, number, chosen: hash }
      const signature = new Uint8Array(signAs(KEPT, resolutionMessage(of)))
      return entry(before, { kind: 'resolve', device: KEPT, number, chosen: hash, signature })
    }
    const settled = resolved(otherThird, otherThird)
    const shown = (log: MembershipLog) => ({ ...shownOf(log), heads: log.heads.map(hex) })

    test('goes on with the version that a resolution names, in whatever order all comes', () => {
      const entries = [first, second, third, otherThird, fourth, settled]
      const expected = shown(new MembershipLog(entries))
      for (const order of permutations(entries)) expect(shown(new MembershipLog(order))).toEqual(expected)
      const log = new MembershipLog(entries)
      expect(log.forkedAt).toBeUndefined()
      expect(log.heads).toEqual([settled.hash])
      expect([...log.whole.revoked.keys()].sort()).toEqual([hex(LOST), hex(KEPT)].sort())
      expect(log.whole.roles.get(hex(KEPT))).toBeUndefined()
      for (const { hash } of [third, fourth])
        expect([log.isSetAside(hash), log.knows(hash)]).toEqual([true, false])
      // Who wrote under the version that was passed over goes on under the other.
      expect(log.headAfter(fourth.hash)).toEqual(settled.hash)
      expect(log.headAfter(second.hash)).toEqual(settled.hash)
    })

    test('undoes revocations of the version that is passed over', () => {
      const log = new MembershipLog([first, second, third, otherThird, fourth, resolved(fourth, third)])
      expect([...log.whole.revoked.keys()]).toEqual([hex(LOST)])
      expect(log.whole.admitted).toEqual(new Set([hex(CHILD), hex(bytes('late'))]))
    })

    test('stays so with two resolutions that disagree, and with one that stands on another line', () => {
      const both = [first, second, third, otherThird, fourth, settled, resolved(fourth, third)]
      expect(new MembershipLog(both).forkedAt).toBe(3)
      const elsewhere = [first, second, third, otherThird, fourth, resolved(fourth, otherThird)]
      expect(new MembershipLog(elsewhere).forkedAt).toBe(3)
    })

    test('may part again, above', () => {
      const above = entry(settled, { kind: 'role', device: KEPT, role: 'reader' })
      const other = entry(settled, { kind: 'role', device: CHILD, role: 'reader' })
      const log = new MembershipLog([first, second, third, otherThird, settled, above, other])
      expect(log.forkedAt).toBe(5)
    })

    test('is settled by the root key and a device, not by the root key alone', () => {
      const change = { kind: 'resolve', device: KEPT, number: 3, chosen: third.hash } as const
      for (const signature of [new Uint8Array(64), new Uint8Array(sign(bytes('other')))]) {
        const at = { did: DID, number: 4, previous: third.hash, at: 1 }
        const signed = signMembershipEntry({ ...at, change: { ...change, signature } }, sign)
        expect(readMembershipEntry(signed, DID, verify)).toBeUndefined()
      }
    })
  })

  test('an entry with the wrong number is no entry of the line', () => {
    const wrong = read(
      signMembershipEntry({ did: DID, number: 5, previous: first.hash, at: 1, change: third.change }, sign),
    )
    expect(new MembershipLog([first, wrong]).head).toEqual(first.hash)
  })
})

describe('what counts', () => {
  const record = cutOffs(LOST, 5)
  const admit = entry(undefined, { kind: 'admit', device: CHILD, role: 'writer', capabilities: ['sign'] })
  const revoke = entry(admit, { kind: 'revoke', device: LOST, cutOffs: [record.hash] })
  const segment = {
    device: LOST,
    incarnation: INCARNATION,
    heads: (): readonly Uint8Array[] => [GENESIS_HASH],
    hashAt: () => undefined,
  }

  test('all of a certified device, without any log', () => {
    expect(judgeSegment(known([], []), segment)).toEqual({ held: false, upTo: Infinity })
    expect(judgeSegment(known([], []), { ...segment, device: bytes('stranger') })).toEqual(VOID)
  })

  test('of a revoked device what lies within its cut-off, whichever old head it names', () => {
    const membership = known([admit, revoke], [record])
    for (const membershipHead of [GENESIS_HASH, admit.hash])
      expect(judgeSegment(membership, { ...segment, heads: () => [membershipHead] })).toEqual({
        held: false,
        upTo: 5,
      })
  })

  test('the same under a head that revokes its author: the same operations may be signed under another', () => {
    const heads = () => [revoke.hash]
    expect(judgeSegment(known([admit, revoke], [record]), { ...segment, heads })).toEqual({
      held: false,
      upTo: 5,
    })
  })

  test('nothing of a log the cut-offs do not name, nor of another branch than theirs', () => {
    const membership = known([admit, revoke], [record])
    expect(judgeSegment(membership, { ...segment, incarnation: new Uint8Array(8) })).toEqual(VOID)
    expect(judgeSegment(membership, { ...segment, hashAt: () => bytes('another') })).toEqual(VOID)
    expect(judgeSegment(membership, { ...segment, hashAt: () => record.logs[0]?.hash })).toEqual({
      held: false,
      upTo: 5,
    })
  })

  test('of two revocations of one device the smaller cut-off', () => {
    const smaller = cutOffs(LOST, 3)
    const again = entry(revoke, { kind: 'revoke', device: LOST, cutOffs: [smaller.hash] })
    const also = entry(admit, { kind: 'revoke', device: LOST, cutOffs: [smaller.hash] })
    for (const entries of [
      [admit, revoke, again],
      [admit, revoke, also],
    ])
      for (const order of permutations(entries))
        expect(judgeSegment(known(order, [record, smaller]), segment)).toEqual({ held: false, upTo: 3 })
  })

  test('waits for a cut-off that has not come, and for no head', () => {
    expect(judgeSegment(known([], []), { ...segment, heads: () => [admit.hash] })).toEqual(COUNTS)
    expect(judgeSegment(known([admit, revoke], []), segment)).toEqual({ held: true })
  })

  test('of a reader nothing more, whatever older or unknown head it names after the one that made it one', () => {
    const reader = entry(undefined, { kind: 'role', device: KEPT, role: 'reader' })
    const membership = known([reader], [])
    const judge = (...heads: Uint8Array[]) =>
      judgeSegment(membership, { ...segment, device: KEPT, heads: () => heads })
    expect(judge(GENESIS_HASH, bytes('unknown'))).toEqual(COUNTS)
    expect(judge(GENESIS_HASH, reader.hash)).toEqual(VOID)
    for (const back of [GENESIS_HASH, bytes('unknown')]) expect(judge(reader.hash, back)).toEqual(VOID)
  })

  test('of what a revoked device enrolled: only whom the log admits', () => {
    const other = bytes('enrolled later')
    const membership = known([admit, revoke], [record], new Map([[hex(other), [LOST]]]))
    expect(exclusionOf(membership, CHILD)).toBeUndefined()
    expect(exclusionOf(membership, other)).toBe('issuer-revoked')
    expect(exclusionOf(membership, LOST)).toBe('revoked')
    expect(judgeSegment(membership, { ...segment, device: other })).toEqual(VOID)
    expect(judgeSegment(membership, { ...segment, device: CHILD })).toEqual(COUNTS)
  })

  test('the same on two devices that know the same, whatever came first', () => {
    const random = testRandom()
    for (let round = 0; round < 300; round++) {
      const { entries, records } = randomHistory(random)
      const judge = (membership: Membership) =>
        [LOST, KEPT, CHILD].flatMap((device) =>
          [GENESIS_HASH, ...entries.map(({ hash }) => hash)].map((membershipHead) =>
            judgeSegment(membership, { ...segment, device, heads: () => [membershipHead] }),
          ),
        )
      const expected = judge(known(entries, records))
      expect(judge(known(shuffled(entries, random), shuffled(records, random)))).toEqual(expected)
    }
  })
})

const VOID = { held: false, upTo: 0 }
const COUNTS = { held: false, upTo: Infinity }

function known(
  entries: readonly SignedEntry[],
  records: readonly (CutOffs & { hash: Uint8Array })[],
  further: ReadonlyMap<string, readonly Uint8Array[]> = new Map(),
): Membership {
  const issuers = new Map<string, readonly Uint8Array[]>([
    [hex(LOST), []],
    [hex(KEPT), []],
    [hex(CHILD), [LOST]],
    ...further,
  ])
  return {
    log: new MembershipLog(entries),
    cutOffs: new Map(records.map((each) => [hex(each.hash), each])),
    issuersOf: (device) => issuers.get(hex(device)),
  }
}

function entry(previous: SignedEntry | undefined, change: MembershipChange): SignedEntry {
  return read(
    signMembershipEntry(
      {
        did: DID,
        number: (previous?.number ?? 0) + 1,
        previous: previous?.hash ?? GENESIS_HASH,
        at: 1,
        change,
      },
      sign,
    ),
  )
}

function read(signed: Uint8Array): SignedEntry {
  const found = readMembershipEntry(signed, DID, verify)
  if (!found) throw new Error('not an entry')
  return found
}

function cutOffs(device: Uint8Array, sequence: number) {
  const logs = [{ incarnation: INCARNATION, sequence, hash: bytes(`operation ${sequence}`) }]
  return readCutOffs(signCutOffs({ space: SPACE, device, logs }, bytes(`salt ${sequence}`), sign), verify)!
}

function shownOf(log: MembershipLog) {
  const { head, heads, forkedAt, size } = log
  return { head, heads, forkedAt, size, whole: log.whole, folds: heads.map((each) => log.foldAt(each)) }
}

function randomHistory(random: SeededRandom) {
  const entries: SignedEntry[] = []
  const records: (CutOffs & { hash: Uint8Array })[] = []
  const length = 2 + random.integer(5)
  while (entries.length < length) {
    // Now and then the root key signs a second version.
    const previous = entries.at(random.integer(5) === 0 ? random.integer(entries.length + 1) : -1)
    const device = [LOST, KEPT, CHILD][random.integer(3)]!
    const record = cutOffs(device, 1 + random.integer(9))
    const changes: MembershipChange[] = [
      { kind: 'admit', device, role: 'writer', capabilities: ['sign'] },
      { kind: 'revoke', device, cutOffs: [record.hash] },
      { kind: 'role', device, role: random.integer(2) ? 'reader' : 'writer' },
    ]
    const change = changes[random.integer(3)]!
    if (change.kind === 'revoke') records.push(record)
    entries.push(entry(previous, change))
  }
  return { entries, records }
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items]
  return Array.from({ length: items.length }, () => left.splice(random.integer(left.length), 1)[0]!)
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  )
}

function bytes(text: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(text).digest())
}
