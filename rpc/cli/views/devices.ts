import type { Result } from '../../../schema/methods/index.ts'
import { bold, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function devicesView({ items, nextCursor }: Result<'devices.list'>, style: Style): string {
  const rows = items.map(({ name, thisDevice, connected, behind, lastSeenAt, addedAt, deviceDid }) => [
    oneLine(name),
    thisDevice ? 'this device' : connected ? 'connected' : `last seen ${date(lastSeenAt)}`,
    behind === null ? '-' : behind === 0 ? 'caught up' : `${count(behind, 'operation')} behind`,
    date(addedAt),
    deviceDid,
  ])
  return table(['NAME', 'STATE', 'HOLDS', 'SINCE', 'DID'], rows, style) + more(nextCursor)
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
