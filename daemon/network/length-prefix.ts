/** Bytes of the varint before a frame of that length. */
export function prefixLength(frameLength: number): number {
  let bytes = 1
  for (let rest = frameLength; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}

/** An unsigned varint with the length, then the bytes, in one piece (multiformats unsigned-varint). */
export function lengthPrefixed(frame: Uint8Array): Uint8Array {
  const prefix: number[] = []
  let length = frame.length
  while (length >= 0x80) {
    prefix.push((length % 0x80) | 0x80)
    length = Math.floor(length / 0x80)
  }
  prefix.push(length)
  const whole = new Uint8Array(prefix.length + frame.length)
  whole.set(prefix)
  whole.set(frame, prefix.length)
  return whole
}
