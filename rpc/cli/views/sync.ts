import type { Result } from '../../../schema/methods/index.ts'
import { verdict } from './node.ts'
import { bold, type Style } from './style.ts'
import { alarmLines } from './sync-audit.ts'
import { clockLine } from './sync-clock.ts'
import { facts, more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function verifyView(result: Result<'sync.verify'>, style: Style): string {
  const { ok, operations, rows, problems } = result
  const lines = problems.map(
    ({ kind, where, message }) => `  ${kind} ${oneLine(where)}: ${oneLine(message)}\n`,
  )
  const checked = `${count(operations, 'operation')} and ${count(rows, 'row')} checked`
  return `${verdict(ok, style).trim()}: ${checked}, ${count(problems.length, 'problem')}\n${lines.join('')}`
}

export function rebuiltView({ conversations, units, topics, derivedDigest }: Result<'sync.rebuild'>): string {
  const made = [count(conversations, 'conversation'), count(units, 'unit'), count(topics, 'topic')]
  return `Rebuilt ${made.join(', ')} (digest ${derivedDigest.slice(0, 16)}…)\n`
}

export function syncView({ spaces }: Result<'sync.status'>, style: Style): string {
  return spaces
    .map(
      ({ space, kind, operations, holds, peers, alarms, stateDigest, frontierDigest, membership, clock }) =>
        facts(
          [
            ['space', `${bold(space, style)} (${kind})`],
            ['operations', operations.toLocaleString('en-US')],
            ['on hold', String(holds)],
            ['peers', String(peers.length)],
            ['device log', membershipOf(membership)],
            ['state', stateDigest ?? 'being read; ask again in a while'],
            ['frontier', frontierDigest],
          ],
          style,
        ) +
        peers.map((peer) => progressLine(peer, leftFor(peer) + comparedWith(peer.audit))).join('') +
        clockLine(clock) +
        alarmLines(alarms),
    )
    .join('\n')
}

function membershipOf({ entries, forkedAt }: Result<'sync.status'>['spaces'][number]['membership']): string {
  if (forkedAt === null) return count(entries, 'entry', 'entries')
  return `TWO VERSIONS from entry ${forkedAt} on: no device is let in. Somebody else may have your recovery phrase.`
}

type Peer = Result<'sync.status'>['spaces'][number]['peers'][number]

function leftFor({ mailbox }: Peer): string {
  if (!mailbox) return ''
  const full = mailbox.full ? ', which has no room for more' : ''
  return `, ${count(mailbox.operations, 'operation')} left at the bootstrap node${full}`
}

function comparedWith(audit: Peer['audit']): string {
  if (audit === null) return ''
  const said = { same: 'the same', different: 'not the same', incomparable: 'no result' }[audit.result]
  return `, rows compared ${date(audit.at)}: ${said}`
}

/** One line a device, in words. */
export function cursorsView({ items }: Result<'sync.cursors'>): string {
  if (items.length === 0) return 'There is no other device yet. `vivimd device pair` adds one.\n'
  return items.map((item) => progressLine(item)).join('')
}

/** `Laptop: caught up to 2026-01-02 17:05, 12 operations on the way (connected)`. */
function progressLine(
  {
    name,
    connected,
    behind,
    upTo,
    lastSeenAt,
  }: Pick<Result<'sync.cursors'>['items'][number], 'name' | 'connected' | 'behind' | 'upTo' | 'lastSeenAt'>,
  further = '',
): string {
  const seen = lastSeenAt === null ? 'not seen yet' : `last seen ${date(lastSeenAt)}`
  const until = upTo === null ? '' : ` to ${date(upTo)}`
  const onTheWay = `${count(behind, 'operation')} on the way`
  const state = behind === 0 ? `caught up${until}` : until ? `caught up${until}, ${onTheWay}` : onTheWay
  return `${oneLine(name)}: ${state} (${connected ? 'connected' : seen})${further}\n`
}

/** One line an erasure: what, by whom, where it is gone. */
export function erasuresView({ items }: Result<'sync.erasures'>): string {
  if (items.length === 0) return 'Nothing was erased for good.\n'
  return items
    .map(({ id, at, name, rows, conversations, waitsUntil, devices }) => {
      const what = conversations > 0 ? count(conversations, 'conversation') : count(rows, 'row')
      const gone = devices.filter(({ purged }) => purged).length
      const waiting = devices.filter(({ purged }) => !purged).map((device) => oneLine(device.name))
      const rest = waiting.length > 0 ? `, waiting for ${waiting.join(', ')}` : ''
      const hold =
        waitsUntil === null
          ? ''
          : `  So much at once waits here, in the trash, until ${date(waitsUntil)}. You meant it: vivimd sync erasures confirm ${id}\n`
      return `${date(at)}  ${oneLine(name)} erased ${what}: gone from ${gone} of ${count(devices.length, 'device')}${rest}\n${hold}`
    })
    .join('')
}

/** One line a fork. */
export function forksView({ items }: Result<'sync.forks'>): string {
  if (items.length === 0) return 'No log was written apart.\n'
  return items
    .map(({ name, incarnation, sequence, foundAt, resolved, branches }) => {
      const kept = branches.map(({ operations }) => count(operations, 'operation')).join(' and ')
      const state = resolved ? ', resolved' : ''
      return `${date(foundAt)}  two copies of ${oneLine(name)} wrote log ${incarnation} apart from operation ${sequence} on: both kept, ${kept}${state}\n`
    })
    .join('')
}

export function confirmedView({ rows }: Result<'sync.erasures.confirm'>): string {
  return `Confirmed: ${count(rows, 'row')} erased here, and on your other devices as they hear of it.\n`
}

export function compactedView({ stable, operations, dropped }: Result<'sync.compact'>): string {
  return `${stable} of ${count(operations, 'operation')} held by all your devices. Contents dropped from the log: ${dropped}.\n`
}

export function snapshotView({ root, chunks, floor }: Result<'sync.snapshot'>): string {
  const snapshot = `Snapshot ${root.slice(0, 16)}: ${count(chunks, 'chunk')}.\n`
  if (!floor) return `${snapshot}The whole past is here: no floor yet.\n`
  const state = floor.holds
    ? 'and is gone'
    : `and goes when all devices keep to that: ${floor.accepted} of ${floor.devices} so far`
  return `${snapshot}What was deleted before ${date(floor.before)} is past, ${state}.\n`
}

export function recoveredView({ items }: Result<'sync.recovered.list'>): string {
  if (items.length === 0) return 'Nothing was written too late.\n'
  return items
    .map(({ id, at, tableName, recordId, payload }) => {
      const what = Object.entries(payload)
        .filter(([, value]) => value !== null)
        .map(([name, value]) => `${name}: ${oneLine(String(value)).slice(0, 60)}`)
      return `${id}  ${date(at)}  ${tableName} ${oneLine(recordId)}\n    ${what.join(', ')}\n`
    })
    .join('')
}

export function acceptedView({ items }: Result<'sync.recovered.accept'>): string {
  return `Taken back: ${count(items, 'item')}.\n`
}

export function dismissedView({ items }: Result<'sync.recovered.dismiss'>): string {
  return `Let go: ${count(items, 'item')}.\n`
}

export function syncedView({ applied, sent, ms, devices }: Result<'sync.now'>): string {
  if (devices.length === 0) return 'There is no other device yet. `vivimd device pair` adds one.\n'
  const lines = devices
    .filter(({ state }) => state !== 'in-sync')
    .map(({ deviceDid, message }) => `  ${deviceDid}: ${oneLine(message ?? 'failed')}\n`)
  const there = devices.length - lines.length
  return `In sync with ${there} of ${count(devices.length, 'device')}: ${applied} operations came, ${sent} went (${ms} ms)\n${lines.join('')}`
}

export function operationsView({ items, nextCursor }: Result<'sync.operations'>, style: Style): string {
  const rows = items.map(({ hlcTimestamp, operation, tableName, recordId, payload }) => [
    hlcTimestamp ?? '-',
    operation,
    tableName ?? '-',
    recordId ?? '-',
    payload === null ? 'erased' : Object.keys(payload).join(' '),
  ])
  return table(['TIME', 'OPERATION', 'TABLE', 'ROW', 'COLUMNS'], rows, style) + more(nextCursor)
}
