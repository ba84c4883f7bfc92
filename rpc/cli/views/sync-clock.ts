import type { Result } from '../../../schema/methods/index.ts'
import { count } from './text.ts'

const MINUTE = 60_000
const UNITS = [
  [24 * 60 * MINUTE, 'day'],
  [60 * MINUTE, 'hour'],
  [MINUTE, 'minute'],
] as const

/** What is wrong with this device's clock, in a sentence; empty when nothing is. */
export function clockLine({
  suspect,
  waiting,
  aheadMs,
}: Result<'sync.status'>['spaces'][number]['clock']): string {
  if (!suspect) return ''
  const kept =
    waiting === 0 ? '' : ` ${count(waiting, 'operation')} written here wait, and follow by themselves.`
  if (aheadMs !== null && aheadMs > MINUTE)
    return `The clock of this device is ${lengthOf(aheadMs)} ahead of your other devices: set it right.${kept}\n`
  return `The clock of this device could not be compared with your other devices for a while.${kept}\n`
}

function lengthOf(ms: number): string {
  const [size, name] = UNITS.find(([unit]) => ms >= unit) ?? UNITS[2]
  return count(Math.round(ms / size), name)
}
