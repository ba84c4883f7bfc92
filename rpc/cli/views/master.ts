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
  lines.push(...logLines(status.log))
  return facts(lines, style)
}

/** The log of the master: how far it is believed, and what is wrong with it. */
function logLines(log: Result<'master.status'>['log']): (readonly [string, string])[] {
  if (!log?.head && (log?.findings.length ?? 0) === 0) return []
  const { head, trust, findings, confirmedAt, generationAt, hint } = log!
  const lines: (readonly [string, string])[] = []
  if (head)
    lines.push([
      'log',
      `${count(head.size, 'record')}, generation ${head.generation}, ${date(head.time)}; ${trust}`,
    ])
  if (confirmedAt !== undefined)
    lines.push(['seen alike', `by another of your devices, ${date(confirmedAt)}`])
  if (generationAt !== undefined) lines.push(['begun anew', `by its operator, ${date(generationAt)}`])
  for (const { words, did, since } of findings)
    lines.push(['wrong', `${words}${did === undefined ? '' : ` (${did})`} Since ${date(since)}.`])
  if (hint !== undefined) lines.push(['hint', hint])
  return lines
}

export function generationView({ generation, size }: Result<'master.newGeneration'>): string {
  return `The log was begun anew: generation ${generation}, ${count(size, 'record')}. Members publish theirs again.\n`
}

export function commandsView({ items }: Result<'master.commands.list'>, style: Style): string {
  const rows = items.map(({ trigger, label, scope, method }) => [
    `/${trigger}`,
    oneLine(label),
    scope,
    method,
  ])
  return table(['COMMAND', 'DOES', 'WHERE', 'METHOD'], rows, style)
}

export function actionsView({ items }: Result<'master.actions.list'>, style: Style): string {
  const rows = items.map(({ trigger, label, method }) => [trigger, oneLine(label), method])
  return table(['ACTION', 'DOES', 'METHOD'], rows, style)
}

export function paletteChangedView({ trigger }: Result<'master.commands.set'>): string {
  return `Changed: ${trigger}. Members see it when they next ask.\n`
}

export function statsView({ items }: Result<'master.providerStats'>, style: Style): string {
  if (items.length === 0) return 'No member has told any counts.\n'
  const rows = items.map(({ provider, nodes, attempts, created, updated, unchanged, failed }) => [
    oneLine(provider),
    ...[nodes, attempts, created, updated, unchanged, failed].map(String),
  ])
  const head = ['PROVIDER', 'NODES', 'CAPTURES', 'NEW', 'CHANGED', 'SAME', 'FAILED']
  return table(head, rows, style)
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

export function membershipView({ joined, waiting }: Result<'master.join'>): string {
  const kept = waiting === 0 ? '' : ` ${count(waiting, 'record')} to be published.`
  return joined === undefined
    ? `This node is a member of no master.${kept}\n`
    : `This node is a member of ${oneLine(joined)}.${kept}\n`
}
