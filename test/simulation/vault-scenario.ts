import { existsSync, readFileSync } from 'node:fs'
import { privateSpaceId } from '../../crdt/space.ts'
import { stateDigest } from '../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../daemon/vault/verify.ts'
import type { Family } from './vault-family.ts'
import type { FaultCounts } from './vault-faults.ts'
import type { VaultReplica } from './vault-replica.ts'
import type { Strangers } from './vault-strangers.ts'
import { VaultWorld } from './vault-world.ts'

export interface Outcome {
  /** Everything that is wrong; empty when all is well. */
  readonly problems: readonly string[]
  readonly counts: FaultCounts
  /** SHA-256 (hex) of everything that happened, in its order, and of the state it came to. */
  readonly trace: string
}

/** One life of several devices, by its seed. */
export async function outcomeOf(seed: string, family: Family, strangers: Strangers): Promise<Outcome> {
  using world = new VaultWorld(seed, family, strangers)
  const { replicas, history, counts, trace } = world
  try {
    await world.run()
    for (const replica of world.staying) {
      const digest = digestOf(replica)
      replica.reopen()
      if (digestOf(replica) !== digest) world.problems.push('shows something else after a restart')
      world.problems.push(...history.checkEnd(replica), ...(await problemsFoundBy(replica)))
      trace.update(digest)
    }
    world.problems.push(...problemsTogether(world))
  } catch (error) {
    world.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  counts.add('seeds')
  counts.add('devices', replicas.length)
  return { problems: world.problems, counts, trace: trace.digest('hex') }
}

function digestOf({ vault }: VaultReplica): string {
  return stateDigest(vault, vault.logs, vault.space)
}

/** What the product's own check says. */
async function problemsFoundBy({ vault }: VaultReplica): Promise<string[]> {
  const { problems } = await verifySpace(
    vault,
    vault.logs,
    vault.space,
    privateSpaceId(vault.did),
    async () => {},
  )
  return problems.map(({ where, message }) => `sync.verify: ${where}: ${message}`)
}

function problemsTogether({ staying: replicas, network, history }: VaultWorld): string[] {
  const problems: string[] = []
  if (new Set(replicas.map(digestOf)).size > 1) problems.push('they do not show the same')
  if (network.totals.overCredit > 0) problems.push('more waits than the credit allows')
  const strange = network.totals.byes.filter(
    (reason) => reason !== 'not-a-device' && !(history.agesOver && ['closing', 'refused'].includes(reason)),
  )
  if (strange.length > 0) problems.push(`streams end with ${strange.join(', ')}`)
  problems.push(...problemsOfRepetition(replicas[0]!, replicas))
  const words = history.erasedWords()
  for (const replica of replicas) {
    if (words.length > 0 && holdsAny(replica.path, words)) problems.push('erased words stand in a file')
  }
  return problems
}

/** Whatever a device holds already changes nothing when it comes again. */
function problemsOfRepetition(replica: VaultReplica, replicas: readonly VaultReplica[]): string[] {
  const before = digestOf(replica)
  const other = replicas.find((candidate) => candidate !== replica)!
  for (const head of other.frontier()) {
    const { segments } = other.read({ ...head, sequence: 1 }, 100_000)
    if (!replica.apply([...segments, ...segments])) return ['refuses what it holds']
  }
  return digestOf(replica) === before ? [] : ['changes when something comes again']
}

function holdsAny(path: string, words: readonly string[]): boolean {
  return [path, `${path}-wal`].some((file) => {
    if (!existsSync(file)) return false
    const bytes = readFileSync(file)
    return words.some((word) => bytes.includes(word))
  })
}
