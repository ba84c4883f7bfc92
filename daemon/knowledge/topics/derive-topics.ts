import { idOf } from '../../../crdt/hash.ts'
import type { Pace } from '../../vault/pace.ts'
import { log2Fixed } from '../measure.ts'
import { type TopicTerm, topicTermsOf } from './topic-terms.ts'

/** What a unit gives to topics. */
export interface TopicSource {
  /** The unit's id. */
  readonly id: string
  readonly content: string
  /** Conversations it occurs in, on the shown branch. */
  readonly conversations: readonly string[]
  readonly firstSeenAt: number | null
  readonly lastSeenAt: number | null
}

export interface Topic {
  readonly id: string
  readonly label: string
  /** Written forms, the strongest first. */
  readonly terms: readonly string[]
  /** Unit id and weight in thousandths, by unit id. */
  readonly units: readonly { readonly id: string; readonly weight: number }[]
  /** Conversation id and its units, by conversation id. */
  readonly conversations: readonly { readonly id: string; readonly unitCount: number }[]
  readonly firstSeenAt: number | null
  readonly lastSeenAt: number | null
}

const MIN_UNITS = 3
const MIN_CONVERSATIONS = 2
/** As many as there are conversations, within these: a person reads the list. */
const TOPICS = { from: 10, to: 500 }
const MAX_TERMS = 8
/** A term in more than this share of the conversations says nothing about any of them. */
const COMMON_SHARE = 0.3
/** Below this many conversations the share means nothing. */
const FEW_CONVERSATIONS = 5
/** Candidates looked at, the highest scores first: bounds the work on large vaults. */
const MAX_CANDIDATES = 4_000
/** Two terms are one topic when the smaller one shares this part of its units with the larger. */
const SAME_TOPIC = 0.5

interface Candidate {
  readonly key: string
  readonly units: Set<number>
  readonly perConversation: Map<string, number>
  readonly surfaces: Map<string, number>
  score: number
}

/**
 * Topics of a person's units: groups of terms that are used again and again in few conversations (their frequency in
 * a conversation against the number of conversations that have them, as in c-TF-IDF), each resting on at least 3 units
 * from 2 conversations. A pure function of the units: neither their order nor the clock matters.
 */
export async function deriveTopics(sources: readonly TopicSource[], pace: Pace): Promise<Topic[]> {
  const units = [...sources].sort((a, b) => (a.id < b.id ? -1 : 1))
  const conversationCount = new Set(units.flatMap(({ conversations }) => conversations)).size
  const common = Math.max(FEW_CONVERSATIONS, Math.floor(conversationCount * COMMON_SHARE))
  const termsOf = rememberedTerms(units)
  const frequent = await frequentTerms(units, termsOf, pace)
  const candidates = (await gather(units, termsOf, frequent, pace)).filter(
    ({ units: own, perConversation }) =>
      own.size >= MIN_UNITS && perConversation.size >= MIN_CONVERSATIONS && perConversation.size <= common,
  )
  for (const candidate of candidates) candidate.score = scoreOf(candidate, conversationCount)
  candidates.sort((a, b) => b.score - a.score || (a.key < b.key ? -1 : 1))
  const most = Math.min(TOPICS.to, Math.max(TOPICS.from, conversationCount))
  const groups = group(candidates.filter(({ score }) => score > 0).slice(0, MAX_CANDIDATES), most)
  return groups.map((members) => topicOf(members, units))
}

type TermsOf = (index: number) => readonly TopicTerm[]

/** Up to this many units their terms are kept between the two looks at them: about 3 kB a unit. */
const UNITS_REMEMBERED = 5_000

function rememberedTerms(units: readonly TopicSource[]): TermsOf {
  const terms: (readonly TopicTerm[])[] = []
  return (index) => {
    const known = terms[index]
    if (known) return known
    const made = topicTermsOf(units[index]!.content)
    if (index < UNITS_REMEMBERED) terms[index] = made
    return made
  }
}

/** Keys of terms with enough units: counted first, so that the sets of all others are never made. */
async function frequentTerms(
  units: readonly TopicSource[],
  termsOf: TermsOf,
  pace: Pace,
): Promise<Set<string>> {
  const counts = new Map<string, number>()
  for (const [index, { conversations }] of units.entries()) {
    await pace()
    if (conversations.length === 0) continue
    for (const { key } of termsOf(index)) counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return new Set([...counts].filter(([, count]) => count >= MIN_UNITS).map(([key]) => key))
}

async function gather(
  units: readonly TopicSource[],
  termsOf: TermsOf,
  frequent: ReadonlySet<string>,
  pace: Pace,
): Promise<Candidate[]> {
  const candidates = new Map<string, Candidate>()
  for (const [index, { conversations }] of units.entries()) {
    await pace()
    if (conversations.length === 0) continue
    for (const { key, surface } of termsOf(index)) {
      if (!frequent.has(key)) continue
      let candidate = candidates.get(key)
      if (!candidate) {
        candidate = { key, units: new Set(), perConversation: new Map(), surfaces: new Map(), score: 0 }
        candidates.set(key, candidate)
      }
      candidate.units.add(index)
      for (const id of conversations) bump(candidate.perConversation, id)
      bump(candidate.surfaces, surface)
    }
  }
  return [...candidates.values()]
}

/**
 * Rewards a term for each unit beyond a conversation's first, and for being in few conversations. Pairs of words say
 * more than one word, so they count double.
 */
function scoreOf({ key, perConversation }: Candidate, conversationCount: number): number {
  let repeated = 0
  let returning = 0
  for (const count of perConversation.values()) {
    repeated += Math.min(count - 1, 10)
    if (count > 1) returning++
  }
  // A single word has to come back in earnest; a pair of words is seldom chance.
  if (returning < (key.includes(' ') ? 1 : MIN_CONVERSATIONS)) return 0
  const rarity = log2Fixed(perConversation.size + conversationCount) - log2Fixed(perConversation.size)
  return repeated * rarity * (1 + returning) * (key.includes(' ') ? 2 : 1)
}

function group(candidates: readonly Candidate[], most: number): Candidate[][] {
  const groups: Candidate[][] = []
  const groupsOfUnit = new Map<number, Candidate[][]>()
  for (const candidate of candidates) {
    const near = nearestGroup(candidate, groupsOfUnit)
    if (near) {
      if (near.length < MAX_TERMS) near.push(candidate)
      continue
    }
    if (groups.length >= most) continue
    const made = [candidate]
    groups.push(made)
    for (const unit of candidate.units) {
      const present = groupsOfUnit.get(unit)
      if (present) present.push(made)
      else groupsOfUnit.set(unit, [made])
    }
  }
  return groups
}

/** The first group whose head shares enough units with the candidate. */
function nearestGroup(
  { units }: Candidate,
  groupsOfUnit: ReadonlyMap<number, Candidate[][]>,
): Candidate[] | undefined {
  const shared = new Map<Candidate[], number>()
  for (const unit of units)
    for (const found of groupsOfUnit.get(unit) ?? []) shared.set(found, (shared.get(found) ?? 0) + 1)
  let best: { members: Candidate[]; share: number } | undefined
  for (const [members, count] of shared) {
    const share = count / Math.min(units.size, members[0]!.units.size)
    if (share >= SAME_TOPIC && (!best || share > best.share)) best = { members, share }
  }
  return best?.members
}

function topicOf(members: readonly Candidate[], units: readonly TopicSource[]): Topic {
  const [head] = members
  const matches = new Map<number, number>()
  for (const { units: own } of members) for (const unit of own) bump(matches, unit)
  const evidence = [...matches].map(([index, count]) => ({ unit: units[index]!, count }))
  const perConversation = new Map<string, number>()
  for (const { unit } of evidence) for (const id of unit.conversations) bump(perConversation, id)
  const label = labelOf(members)
  const terms = [label, ...members.map(surfaceOf)]
  return {
    id: idOf(['vivim/topic/1', head!.key]),
    label,
    terms: [...new Set(terms)].slice(0, MAX_TERMS),
    units: evidence
      .map(({ unit, count }) => ({ id: unit.id, weight: Math.min(1_000, 400 + 200 * (count - 1)) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    conversations: [...perConversation]
      .map(([id, unitCount]) => ({ id, unitCount }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
    firstSeenAt: extreme(
      Math.min,
      evidence.map(({ unit }) => unit.firstSeenAt),
    ),
    lastSeenAt: extreme(
      Math.max,
      evidence.map(({ unit }) => unit.lastSeenAt),
    ),
  }
}

/** The head's own words, or a pair that has the head in it and most of its units. */
function labelOf(members: readonly Candidate[]): string {
  const [head] = members
  const pair = members.find(
    ({ key, units }) =>
      key.includes(' ') && key.split(' ').includes(head!.key) && units.size >= head!.units.size * 0.6,
  )
  return surfaceOf(pair ?? head!)
}

/** The form written most often; of equals the first by code points. */
function surfaceOf({ surfaces }: Candidate): string {
  const [best] = [...surfaces].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return best![0]
}

function bump<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function extreme(of: (...values: number[]) => number, times: readonly (number | null)[]): number | null {
  const known = times.filter((time) => time !== null)
  return known.length > 0 ? of(...known) : null
}
