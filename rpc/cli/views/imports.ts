import type { Result } from '../../../schema/methods/index.ts'
import { red, type Style } from './style.ts'
import { more, table } from './table.ts'
import { bytes, count, date, duration, oneLine } from './text.ts'

type Report = Result<'capture.jobs.get'>
type Counted = Pick<Report, 'skipped' | 'errors'>

const SHOWN_ERRORS = 10

export function reportView(report: Report, style: Style): string {
  const { created, updated, unchanged, failed } = report.conversations
  const parts = [`${created} new`, `${updated} updated`, `${unchanged} unchanged`]
  if (failed > 0) parts.push(red(`${failed} failed`, style))
  const total = created + updated + unchanged + failed
  const took = report.finishedAt === null ? '' : ` in ${duration(report.finishedAt - report.queuedAt)}`
  return [
    `${report.state}: ${count(total, 'conversation')} (${parts.join(', ')}), `,
    `${count(report.messages, 'message')}, ${count(report.units, 'unit')}${took}\n`,
    troubles(report),
    `Report: vivimd jobs get ${report.jobId}\n`,
  ].join('')
}

export function jobsView({ items, nextCursor }: Result<'capture.jobs.list'>, style: Style): string {
  if (items.length === 0) return 'Nothing was imported yet.\n'
  const rows = items.map(({ jobId, state, provider, queuedAt, total, conversations }) => {
    const done = Object.values(conversations).reduce((sum, number) => sum + number, 0)
    const failed = conversations.failed > 0 ? `, ${conversations.failed} failed` : ''
    return [
      jobId,
      state,
      date(queuedAt),
      provider ?? '-',
      `${done}${total === undefined ? '' : ` of ${total}`}${failed}`,
    ]
  })
  return table(['JOB', 'STATE', 'SINCE', 'PROVIDER', 'CONVERSATIONS'], rows, style) + more(nextCursor)
}

export function jobStateView({ jobId, state }: Result<'capture.jobs.pause'>): string {
  return `Job ${jobId} is ${state}.\n`
}

export function scanView(scan: Result<'capture.scan'>): string {
  const { provider, container, validated, conversations, messages, from, to } = scan
  const known = validated ? '' : ' (form known from descriptions only)'
  return [
    `${oneLine(provider)}, ${container}, ${bytes(scan.bytes)}${known}\n`,
    `${count(conversations, 'conversation')}, ${count(messages, 'message')}, ${date(from)} to ${date(to)}\n`,
    troubles(scan),
    'Nothing was stored.\n',
  ].join('')
}

export function detectView({ provider, container, validated }: Result<'capture.detect'>): string {
  return `${oneLine(provider)}, ${container}${validated ? '' : ' (form known from descriptions only)'}\n`
}

export function providersView({ items }: Result<'capture.providers'>, style: Style): string {
  const rows = items.map(({ provider, title, containers, validated }) => [
    provider,
    containers.join(', '),
    validated ? 'yes' : 'no',
    oneLine(title),
  ])
  return table(['PROVIDER', 'FROM', 'PROVEN', 'TITLE'], rows, style)
}

function troubles({ skipped, errors }: Counted): string {
  const left = skipped.map(({ reason, count: times }) => `  skipped ${times} × ${oneLine(reason)}\n`)
  const shown = errors
    .slice(0, SHOWN_ERRORS)
    .map(({ where, code, message }) => `  ${oneLine(where)}: ${code}: ${oneLine(message)}\n`)
  const hidden = errors.length - shown.length
  return [...left, ...shown, hidden > 0 ? `  and ${hidden} more (--json shows all)\n` : ''].join('')
}
