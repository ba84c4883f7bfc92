import type { Result } from '../../../schema/methods/index.ts'
import { bold, green, red, type Style } from './style.ts'
import { facts } from './table.ts'
import { date, duration, oneLine } from './text.ts'

export function statusView(status: Result<'node.status'>, style: Style): string {
  const { version, role, peerId, pid, startedAt, readyMs, rssMb, multiaddrs, peers, users, master } = status
  const since = master.since === undefined ? '' : ` since ${date(master.since)}`
  const network = multiaddrs.length === 0 ? 'off' : `${peers} peers, ${multiaddrs.join(', ')}`
  return facts(
    [
      ['node', `vivimd ${version}, ${role}, process ${pid}`],
      ['started', `${date(startedAt)}, ready in ${duration(readyMs)}`],
      ['memory', `${rssMb} MB`],
      ['users', `${users.total} (${users.open} open)`],
      ['network', network],
      ['master', `${master.state}${since}`],
      ['peer id', peerId],
      ['home', status.home],
      ['socket', status.socket],
    ],
    style,
  )
}

export function healthView({ ok, checks }: Result<'node.health'>, style: Style): string {
  const lines = checks.map(({ name, ok, ms, message }) => {
    const why = message === undefined ? '' : `: ${oneLine(message)}`
    return `${verdict(ok, style)} ${oneLine(name)} (${duration(ms)})${why}\n`
  })
  return `${lines.join('')}${bold(ok ? 'The node is well.' : 'The node is not well.', style)}\n`
}

export function metricsView({ counters }: Result<'node.metrics'>, style: Style): string {
  const pairs = Object.entries(counters).map(([name, value]) => [name, String(value)] as const)
  return pairs.length === 0 ? 'Nothing was counted yet.\n' : facts(pairs, style)
}

export function stoppedView({ pid }: { pid: number }): string {
  return `Stopped (process ${pid}).\n`
}

export function verdict(ok: boolean, style: Style): string {
  return ok ? green('ok  ', style) : red('FAIL', style)
}
