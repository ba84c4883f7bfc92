import { VivimError } from '../../schema/errors.ts'

/** An opaque cursor of the last row's sort values. */
export function encodeCursor(values: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url')
}

/** Throws `InvalidParams` for a cursor this list did not give. */
export function decodeCursor(cursor: string, length: number): (string | number | null)[] {
  try {
    const values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'))
    const plain = (value: unknown) => value === null || typeof value === 'string' || typeof value === 'number'
    if (Array.isArray(values) && values.length === length && values.every(plain)) return values
  } catch {}
  throw new VivimError('InvalidParams', 'The cursor is not one that this list gave.', { field: 'cursor' })
}

/** Cuts a result of `limit + 1` rows to a page; the extra row says that there is more. */
export function pageOf<T, R>(
  rows: readonly T[],
  limit: number,
  show: (row: T) => R,
  cursorOf: (row: T) => readonly (string | number | null)[],
): { items: R[]; nextCursor: string | null } {
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  return {
    items: page.map(show),
    nextCursor: rows.length > limit && last ? encodeCursor(cursorOf(last)) : null,
  }
}
