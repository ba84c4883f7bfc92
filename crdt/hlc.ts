/**
 * Hybrid logical clock (Kulkarni et al., 2014): physical milliseconds that never run backwards, a counter for
 * events of the same millisecond, and the device's tag as the last word between devices.
 *
 * A stamp is 48-bit milliseconds, a 16-bit counter and a 64-bit device tag. Its text form is fixed width and sorts
 * as the stamps do: 12 hex digits, 4 hex digits, `-`, 16 hex digits (33 characters), the seeds' `hlcTimestamp`.
 */
export interface Hlc {
  /** Milliseconds UTC, below 2^48. */
  readonly ms: number
  /** 0 … 65,535. */
  readonly counter: number
  /** 8 bytes: the beginning of SHA-256 of the device's public key. */
  readonly device: Uint8Array
}

/** The part of a clock that is remembered. */
export interface ClockState {
  readonly ms: number
  readonly counter: number
}

export const HLC_BYTES = 16
const MAX_MS = 2 ** 48 - 1
const MAX_COUNTER = 0xffff

/** The stamp after `last` at physical time `now`: strictly above `last`; a full counter carries into the ms. */
export function tick(last: ClockState, now: number): ClockState {
  if (now > last.ms) return { ms: now, counter: 0 }
  if (last.counter < MAX_COUNTER) return { ms: last.ms, counter: last.counter + 1 }
  return { ms: last.ms + 1, counter: 0 }
}

/** The clock after hearing of `remote`: the next tick is above both. */
export function receive(last: ClockState, remote: ClockState): ClockState {
  return compareState(remote, last) > 0 ? { ms: remote.ms, counter: remote.counter } : last
}

function compareState(a: ClockState, b: ClockState): number {
  return a.ms - b.ms || a.counter - b.counter
}

/** Orders stamps by milliseconds, counter, device tag. */
export function compareHlc(a: Hlc, b: Hlc): number {
  return compareState(a, b) || Buffer.compare(a.device, b.device)
}

export function hlcToBytes({ ms, counter, device }: Hlc): Uint8Array {
  const bytes = new Uint8Array(HLC_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(ms / 2 ** 32))
  view.setUint32(2, ms % 2 ** 32)
  view.setUint16(6, counter)
  bytes.set(device, 8)
  return bytes
}

/** Throws RangeError unless there are exactly 16 bytes. */
export function hlcFromBytes(bytes: Uint8Array): Hlc {
  if (bytes.length !== HLC_BYTES) throw new RangeError('a stamp has 16 bytes')
  // By hand: a DataView for each operation costs more than all else here.
  const high = (bytes[0]! << 8) | bytes[1]!
  const low = ((bytes[2]! << 24) | (bytes[3]! << 16) | (bytes[4]! << 8) | bytes[5]!) >>> 0
  const device = new Uint8Array(8)
  for (let index = 0; index < 8; index++) device[index] = bytes[8 + index]!
  return {
    ms: high * 2 ** 32 + low,
    counter: (bytes[6]! << 8) | bytes[7]!,
    device,
  }
}

export function hlcToText({ ms, counter, device }: Hlc): string {
  if (!Number.isInteger(ms) || ms < 0 || ms > MAX_MS) throw new RangeError('milliseconds beyond 48 bits')
  return `${ms.toString(16).padStart(12, '0')}${counter.toString(16).padStart(4, '0')}-${Buffer.from(device).toString('hex')}`
}

const TEXT = /^([0-9a-f]{12})([0-9a-f]{4})-([0-9a-f]{16})$/

/** Undefined for anything but the one text form. */
export function hlcFromText(text: string): Hlc | undefined {
  const match = TEXT.exec(text)
  if (!match) return undefined
  return {
    ms: Number.parseInt(match[1]!, 16),
    counter: Number.parseInt(match[2]!, 16),
    device: new Uint8Array(Buffer.from(match[3]!, 'hex')),
  }
}
