import { describe, expect, test } from 'vitest'
import * as engine from '../../crdt/engine.ts'
import { seededRandom } from '../support/seed.ts'
import { documentOf, Replica } from './replica.ts'
import type { Totals } from './session-end.ts'
import { World } from './world.ts'

const random = seededRandom('traffic')
const LIMITS = { credit: 1024 * 1024, applyBytes: 512 * 1024 }

/** Two devices that know each other, the second of which holds what it was given before. */
function pair(operations: number, missing: number): [Replica, Replica] {
  const replicas: [Replica, Replica] = [new Replica(0), new Replica(1)]
  for (const replica of replicas) replica.saveMembers(replicas.map(({ device }) => documentOf(device)))
  const [first, second] = replicas
  for (let written = 0; written < operations; written += 250) {
    if (written === operations - missing) copy(first, second)
    first.commit(random, Math.min(250, operations - written), 100, false)
  }
  if (missing === 0) copy(first, second)
  return replicas
}

function copy(from: Replica, to: Replica): void {
  to.apply(from.frontier().flatMap((log) => from.read({ ...log, sequence: 1 }, 1e9).segments))
}

/** What a session costs from its first frame until both are in sync. */
function exchange(replicas: readonly Replica[]): Totals {
  const links = [[0, 1]] as const
  const world = new World({
    engine,
    random,
    replicas,
    links,
    limits: LIMITS,
    commits: 0,
    drops: 0,
    triggers: 0,
  })
  world.run()
  expect(world.ends.map(({ phase }) => phase)).toEqual(['in-sync', 'in-sync'])
  expect(replicas[0]!.contents()).toBe(replicas[1]!.contents())
  return world.totals
}

function report(what: string, { frames, bytes, kinds, segmentBytes }: Totals): void {
  const parts = [...kinds].map(([kind, count]) => `${count} ${kind}`).join(', ')
  console.log(`${what}: ${frames} frames, ${bytes} B, ${bytes - segmentBytes} B beside segments (${parts})`)
}

describe('what two devices say to each other', () => {
  test('in sync already: two frames of at most 128 bytes together', () => {
    const totals = exchange(pair(1_000, 0))
    report('in sync', totals)
    expect(totals.frames).toBe(2)
    expect(totals.bytes).toBeLessThanOrEqual(128)
  })

  test('one operation missing', () => {
    const totals = exchange(pair(1, 1))
    report('1 operation', totals)
    expect(totals.frames).toBeLessThanOrEqual(9)
    expect(totals.bytes - totals.segmentBytes).toBeLessThanOrEqual(400)
  })

  test('100,000 operations, 0.1 % missing', () => {
    const totals = exchange(pair(100_000, 250))
    report('250 of 100,000 operations', totals)
    expect(totals.bytes - totals.segmentBytes).toBeLessThanOrEqual(300)
  })

  test('100,000 operations', () => {
    const begun = performance.now()
    const replicas = pair(100_000, 100_000)
    const built = performance.now()
    const totals = exchange(replicas)
    report('100,000 operations', totals)
    console.log(
      `written in ${Math.round(built - begun)} ms, exchanged in ${Math.round(performance.now() - built)} ms`,
    )
    const segments = totals.kinds.get('segment') ?? 0
    expect(totals.frames).toBeLessThanOrEqual(2 * segments + 10)
    expect(totals.bytes - totals.segmentBytes).toBeLessThanOrEqual(100_000)
  })
})
