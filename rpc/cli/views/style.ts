/** How results are shown. Views are pure functions of a result and this. */
export interface Style {
  readonly color: boolean
  /** Characters of a line; infinite where nothing needs to fit. */
  readonly columns: number
}

export function bold(text: string, { color }: Style): string {
  return color ? `\u001b[1m${text}\u001b[22m` : text
}

export function dim(text: string, { color }: Style): string {
  return color ? `\u001b[2m${text}\u001b[22m` : text
}

export function italic(text: string, { color }: Style): string {
  return color ? `\u001b[3m${text}\u001b[23m` : text
}

export function underline(text: string, { color }: Style): string {
  return color ? `\u001b[4m${text}\u001b[24m` : text
}

export function red(text: string, { color }: Style): string {
  return color ? `\u001b[31m${text}\u001b[39m` : text
}

export function green(text: string, { color }: Style): string {
  return color ? `\u001b[32m${text}\u001b[39m` : text
}
