import { scopeOf } from './address-scope.ts'
import type { DialledBack } from './dial-back.ts'
import type { Seat } from './relay-seats.ts'

/** From where others reach this node. `unknown`: nobody who could say so was asked yet. */
export type ReachState = 'off' | 'public' | 'relayed' | 'local' | 'unknown'

export interface Reachability {
  readonly state: ReachState
  /** One or two sentences for people: whether others reach this node, and why not. */
  readonly text: string
}

export interface ReachFacts {
  /** Where this node listens, ports mapped by a router among them. */
  readonly addresses: readonly string[]
  /** What peers found when they dialled back, by peer id. */
  readonly found: ReadonlyMap<string, DialledBack>
  readonly seats: readonly Seat[]
}

/** What is known of how others reach this node, in words. */
export function reachability({ addresses, found, seats }: ReachFacts): Reachability {
  const answers = [...found.values()]
  const open = answers.find((answer) => answer.ports.length > 0 && scopeOfAnswer(answer) === 'public')
  if (open) return { state: 'public', text: `Others reach this node from anywhere, at ${open.host}.` }
  const held = seats.filter(({ state }) => state === 'held')
  if (held.length > 0) {
    const relays = held.length === 1 ? 'a relay' : `${held.length} relays`
    return {
      state: 'relayed',
      text: `Others reach this node through ${relays}. ${whyNotDirectly(answers, addresses)}`,
    }
  }
  const near = answers.find(({ ports }) => ports.length > 0)
  if (near) {
    const where = scopeOfAnswer(near) === 'machine' ? 'on this machine' : 'in the same network'
    return { state: 'local', text: `Others ${where} reach this node. ${fromElsewhere(seats)}` }
  }
  if (answers.length > 0)
    return { state: 'unknown', text: `${whyNotDirectly(answers, addresses)} ${fromElsewhere(seats)}` }
  return { state: 'unknown', text: `${notAsked(addresses)} ${fromElsewhere(seats)}` }
}

function scopeOfAnswer({ host }: DialledBack) {
  return scopeOf(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}`)
}

function whyNotDirectly(answers: readonly DialledBack[], addresses: readonly string[]): string {
  const seen = answers.find((answer) => scopeOfAnswer(answer) === 'public')
  if (seen) {
    const own = addresses.some((address) => address.includes(`/${seen.host}/`))
    return own
      ? `Its own address ${seen.host} answers nobody: a firewall keeps them out.`
      : `It is behind a router (${seen.host}) that lets nobody in: forward its port there, or switch UPnP on in the router.`
  }
  if (answers.some(({ ports }) => ports.length > 0))
    return 'In its own network it is reached directly; whether it is from elsewhere, nobody outside was asked.'
  return answers.length > 0
    ? 'Nobody who tried got through to it directly: a firewall keeps them out.'
    : 'Whether it is reached directly was not tried yet.'
}

function fromElsewhere(seats: readonly Seat[]): string {
  if (seats.length === 0)
    return 'From elsewhere nobody does unless its addresses are known there: it knows no relay (network.bootstrap).'
  const problems = [...new Set(seats.flatMap(({ problem }) => (problem === undefined ? [] : [problem])))]
  const why = problems.length > 0 ? problems.join(', ') : 'it was not asked yet'
  return `${seats.length === 1 ? 'The relay it knows is' : 'The relays it knows are'} of no use now: ${why}.`
}

function notAsked(addresses: readonly string[]): string {
  const scopes = new Set(addresses.map(scopeOf))
  if (addresses.length === 0) return 'This node listens nowhere.'
  if (scopes.has('public')) return 'This node has a public address; nobody who could try it was asked yet.'
  if (scopes.has('local')) return 'This node has addresses of its own network only; nobody tried them yet.'
  return 'Only programs on this machine reach this node: it listens nowhere else.'
}
