import { createHash } from 'node:crypto'

/**
 * The definitions of RFC 6962, section 2.1, word for word over lists of entries: slow, recursive, and sharing nothing
 * with the product.
 */
const H = (...parts: readonly Uint8Array[]) => {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part)
  return sum.digest()
}

function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

export function MTH(D: readonly Uint8Array[]): Buffer {
  if (D.length === 0) return H()
  if (D.length === 1) return H(Buffer.from([0]), D[0]!)
  const k = split(D.length)
  return H(Buffer.from([1]), MTH(D.slice(0, k)), MTH(D.slice(k)))
}

export function PATH(m: number, D: readonly Uint8Array[]): Buffer[] {
  if (D.length === 1) return []
  const k = split(D.length)
  return m < k
    ? [...PATH(m, D.slice(0, k)), MTH(D.slice(k))]
    : [...PATH(m - k, D.slice(k)), MTH(D.slice(0, k))]
}

export function PROOF(m: number, D: readonly Uint8Array[]): Buffer[] {
  return SUBPROOF(m, D, true)
}

function SUBPROOF(m: number, D: readonly Uint8Array[], b: boolean): Buffer[] {
  if (m === D.length) return b ? [] : [MTH(D)]
  const k = split(D.length)
  return m <= k
    ? [...SUBPROOF(m, D.slice(0, k), b), MTH(D.slice(k))]
    : [...SUBPROOF(m - k, D.slice(k), false), MTH(D.slice(0, k))]
}
