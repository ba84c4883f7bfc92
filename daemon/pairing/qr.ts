import { renderUnicodeCompact } from 'uqr'

/** The code as a QR code of block characters, for a terminal; lines end in a newline. */
export function codeAsQr(code: string): string {
  return `${renderUnicodeCompact(code, { ecc: 'L', border: 2 })}\n`
}
