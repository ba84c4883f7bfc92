import type { Result } from '../../../schema/methods/index.ts'
import { bold, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function devicesView({ items, nextCursor }: Result<'devices.list'>, style: Style): string {
  const rows = items.map((device) => [
    oneLine(device.name),
    stateOf(device),
    holdingOf(device),
    date(device.addedAt),
    date(device.certifiedUntil),
    device.deviceDid,
  ])
  return table(['NAME', 'STATE', 'HOLDS', 'SINCE', 'CERTIFIED UNTIL', 'DID'], rows, style) + more(nextCursor)
}

type Device = Result<'devices.list'>['items'][number]

function stateOf({ thisDevice, connected, lastSeenAt, state, revokedAt }: Device): string {
  if (state === 'revoked') return `revoked ${date(revokedAt)}`
  if (state === 'uncertified') return 'let in by a revoked device'
  return thisDevice ? 'this device' : connected ? 'connected' : `last seen ${date(lastSeenAt)}`
}

function holdingOf({ behind, state }: Device): string {
  if (behind === null || state !== 'member') return '-'
  return behind === 0 ? 'caught up' : `${count(behind, 'operation')} behind`
}

export function revokedView({ name, remaining }: Result<'devices.revoke'>): string {
  return `${oneLine(name)} is taken out. ${count(remaining.length, 'device')} of yours ${remaining.length === 1 ? 'stays' : 'stay'}.\n`
}

/** With what counts and what does not, where the log parted. */
export function logView({ forkedAt, entries }: Result<'devices.log'>, style: Style): string {
  if (entries.length === 0) return 'Nobody was taken out or let in by name: the log is empty.\n'
  const rows = entries.map(({ number, hash, kind, name, at, state }) => [
    String(number),
    hash.slice(0, 16),
    kind,
    oneLine(name),
    date(at),
    state,
  ])
  const parted =
    forkedAt === null
      ? ''
      : `\nTWO VERSIONS from entry ${forkedAt} on. If it was you, twice: vivimd device resolve ${forkedAt} HASH\nIf not, somebody else has your recovery phrase.\n`
  return table(['NUMBER', 'HASH', 'KIND', 'DEVICE', 'SIGNED', 'STATE'], rows, style) + parted
}

export function resolvedView({ number, hash }: Result<'devices.resolve'>): string {
  return `Entry ${number} is ${hash}; the other version counts for nothing.\n`
}

export function renewedView({ certifiedUntil }: Result<'devices.renew'>): string {
  return `This device is certified until ${date(certifiedUntil)}.\n`
}

/** With what the device could read until now. */
export function lostView(result: Result<'devices.revoke'>): string {
  const { conversations, messages, behind, lastSeenAt } = result.couldRead
  const held = behind === 0 ? 'all of it' : `all but the last ${count(behind, 'operation')}`
  const seen = lastSeenAt === null ? 'It was never seen here.' : `Last seen ${date(lastSeenAt)}.`
  return `${revokedView(result)}It could read ${count(conversations, 'conversation')} with ${count(messages, 'message')}: ${held}. ${seen}\nWhat you write from now on is kept from it. Change passwords and keys that stand in what it could read.\n`
}

/** Code and QR code, and what to do with them. */
export function pairingView({ code, qr, expiresAt }: Result<'devices.pair.start'>, style: Style): string {
  const until = date(expiresAt).slice(-5)
  return `${qr}\n${bold('On the new device:', style)}\n  vivimd device join ${code}\n\nThe code is good for one device, until ${until}.\n`
}

export function joinedView({ check, pairingId }: Result<'devices.pair.join'>, style: Style): string {
  return `Both devices show ${bold(spaced(check), style)}.\nIf the other one does too, confirm on both: vivimd device confirm ${check} --pairing ${pairingId}\n`
}

export function confirmedView({ complete, deviceDid }: Result<'devices.pair.confirm'>): string {
  return complete ? pairedText(deviceDid) : 'Confirmed here. Now confirm on the other device.\n'
}

/** What is said when all is done. */
export function pairedText(deviceDid: string): string {
  return `Paired: ${deviceDid} is one of your devices.\n`
}

export function renamedDeviceView({ name }: Result<'devices.rename'>): string {
  return `The device is called ${oneLine(name)}.\n`
}

/** Six digits as they are read aloud. */
export function spaced(check: string): string {
  return `${check.slice(0, 3)} ${check.slice(3)}`
}
