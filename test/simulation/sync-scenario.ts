import { seededRandom } from '../support/seed.ts'
import { documentOf, Replica } from './replica.ts'
import type { Engine } from './session-end.ts'
import { World } from './world.ts'

const CREDITS = [1, 400, 3_000, 1024 * 1024]
const APPLY_BYTES = [1, 1_000, 512 * 1024]
const LINE: [number, number][] = [
  [0, 1],
  [0, 2],
]
const RING: [number, number][] = [...LINE, [1, 2]]

/**
 * Two or three devices of one person that know of each other or not yet, write, lose their streams and find each other
 * again. Answers everything that is wrong in the end, or during it; empty when all is well.
 */
export function problemsOf(engine: Engine, seed: string): string[] {
  const random = seededRandom(seed)
  const count = 2 + random.integer(2)
  const replicas = Array.from({ length: count }, (_, number) => new Replica(number))
  const links: [number, number][] = count === 2 ? [[0, 1]] : random.pick([LINE, RING])
  for (const replica of replicas) {
    // The first device certified all others, and some have heard of some.
    for (const other of replicas)
      if (replica === replicas[0] || random.next() < 0.3) replica.saveMembers([documentOf(other.device)])
    for (let commits = random.integer(4); commits > 0; commits--)
      replica.commit(random, 1 + random.integer(10), 300)
  }
  // The first one may have met the others before.
  for (const other of replicas.slice(1))
    if (random.next() < 0.3)
      replicas[0]!.apply(other.frontier().flatMap((log) => other.read({ ...log, sequence: 1 }, 1e6).segments))
  const world = new World({
    engine,
    random,
    replicas,
    links,
    slow: random.next() < 0.3 ? random.pick(replicas) : undefined,
    limits: { credit: random.pick(CREDITS), applyBytes: random.pick(APPLY_BYTES) },
    commits: random.integer(20),
    drops: random.next() < 0.5 ? 0 : random.integer(4),
    triggers: random.integer(5),
  })
  try {
    world.run()
  } catch (error) {
    return [String(error)]
  }
  return problemsIn(world, replicas, count === 2)
}

function problemsIn(world: World, replicas: readonly Replica[], blobsToo: boolean): string[] {
  const problems: string[] = []
  const { totals } = world
  if (new Set(replicas.map((replica) => replica.contents())).size > 1)
    problems.push('they do not hold the same')
  for (const { phase } of world.ends) if (phase !== 'in-sync') problems.push(`a session ends ${phase}`)
  if (totals.byes.length > 0) problems.push(`sessions end with ${totals.byes.join(', ')}`)
  if (totals.inSync < world.ends.length) problems.push('somebody never hears that all is in sync')
  if (totals.frames > framesAllowed(world)) problems.push(`they talk too much: ${totals.frames} frames`)
  if (totals.overCredit > 0) problems.push('more waits than the credit allows')
  // With three devices a blob may be asked for where it has not come yet; it is asked for again by the next session.
  if (blobsToo && replicas.some((replica) => replica.missingBlobs().length > 0))
    problems.push('blobs are missing')
  return problems
}

/** Segments and their ACKs; what a session needs; and for each change that one hears of, what it says and is told. */
function framesAllowed({ totals, sessions, news }: World): number {
  const segments = totals.kinds.get('segment') ?? 0
  const blobs = totals.kinds.get('blob') ?? 0
  return 2 * segments + 2 * blobs + 16 * sessions + 4 * news
}

/**
 * A device that nobody certified meets one that holds everything, with documents that do not verify. Answers what is
 * wrong; that data for it is not even read is checked on the way.
 */
export function problemsWithStranger(engine: Engine, seed: string): string[] {
  const random = seededRandom(seed)
  const member = new Replica(0)
  const stranger = new Replica(1, { genuine: false })
  // The stranger takes us for a member, and would tell us everything.
  stranger.saveMembers([documentOf(member.device)])
  for (const replica of [member, stranger]) replica.commit(random, 5, 100)
  const limits = { credit: 1_000, applyBytes: 1_000 }
  const links = [[0, 1]] as const
  const counts = { commits: 5, drops: random.integer(2), triggers: 2 }
  const world = new World({ engine, random, replicas: [member, stranger], links, limits, ...counts })
  try {
    world.run()
  } catch (error) {
    return [String(error)]
  }
  const problems: string[] = []
  if (member.contents().split('\n').length > 1) problems.push('a stranger wrote')
  if (stranger.contents().split('\n').length > 1) problems.push('a stranger reads')
  if (!world.totals.byes.includes('not-a-device')) problems.push('nobody says why')
  if (world.totals.inSync > 0) problems.push('a stranger is in sync')
  return problems
}
