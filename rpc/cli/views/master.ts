import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { facts, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function masterView(status: Result<'master.status'>, style: Style): string {
  const { role, state, since, problem, address, joined, waiting, users, devices } = status
  const when = since === undefined ? '' : ` since ${date(since)}`
  const why = problem === undefined ? '' : `: ${oneLine(problem)}`
  const lines: (readonly [string, string])[] = [
    ['role', role],
    ['master', state === 'none' ? 'none; everything here works without one' : `${state}${when}${why}`],
    ['waiting', count(waiting, 'record')],
  ]
  if (joined !== undefined) lines.push(['joined', oneLine(joined)])
  if (role === 'bootstrap') lines.push(['join with', address ?? 'the network is off'])
  if (users !== undefined && devices !== undefined)
    lines.push(['registered', `${count(users, 'user')}, ${count(devices, 'device')}`])
  return facts(lines, style)
}

export function lookupView({ did, displayName, devices }: Result<'master.lookup'>, style: Style): string {
  const who = facts(
    [
      ['did', did],
      ['name', displayName === null ? 'none' : oneLine(displayName)],
    ],
    style,
  )
  const rows = devices.map(({ deviceDid, sequence }) => [deviceDid, date(sequence)])
  return `${who}\n${rows.length === 0 ? 'No devices.\n' : table(['DEVICE', 'SIGNED'], rows, style)}`
}
