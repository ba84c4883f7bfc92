import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { facts, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function networkView(status: Result<'network.status'>, style: Style): string {
  const { text, peerId, addresses, relays, seats, peers, restarts, lastRestart } = status
  const lines: (readonly [string, string])[] = [
    ['peer id', peerId],
    ...addresses.map((address, at) => [at === 0 ? 'reached at' : '', address] as const),
    ...relays.map(
      ({ peerId: relay, state, problem }, at) =>
        [
          at === 0 ? 'relays' : '',
          `${relay} ${problem === undefined ? STATES[state] : oneLine(problem)}`,
        ] as const,
    ),
  ]
  if (seats !== undefined) lines.push(['relay for', count(seats, 'node')])
  if (lastRestart)
    lines.push([
      'hung',
      `${count(restarts, 'time')}, last ${date(lastRestart.at)}: ${oneLine(lastRestart.why)}`,
    ])
  const rows = peers.map(({ peerId: peer, direction, relayed, address }) => [
    peer,
    direction,
    relayed ? 'relayed' : 'direct',
    address,
  ])
  const connected =
    rows.length === 0 ? 'No peers.\n' : table(['PEER', 'DIRECTION', 'WAY', 'ADDRESS'], rows, style)
  return `${oneLine(text)}\n\n${facts(lines, style)}\n${connected}`
}

const STATES = {
  held: 'carries to this node',
  waiting: 'was not asked yet',
  unwanted: 'is not needed',
} as const

export function foundView({ items }: Result<'network.dht.find'>, style: Style): string {
  if (items.length === 0) return 'None of your devices is found there.\n'
  const rows = items.map(({ deviceDid, at, addresses }) => [deviceDid, date(at), addresses.join(' ')])
  return table(['DEVICE', 'SIGNED', 'REACHED AT'], rows, style)
}
