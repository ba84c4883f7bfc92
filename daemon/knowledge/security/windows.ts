/** A piece of a text that is worth a closer look. */
export interface Window {
  readonly start: number
  readonly text: string
}

/** The surroundings of each hit of a cheap pattern (global flag), joined where they touch. */
export function windowsAround(text: string, hit: RegExp, before: number, after: number): Window[] {
  const windows: Window[] = []
  let start = -1
  let end = Number.NEGATIVE_INFINITY
  for (const { index } of text.matchAll(hit)) {
    if (index - before > end) {
      if (start >= 0) windows.push({ start, text: text.slice(start, end) })
      start = Math.max(0, index - before)
    }
    end = Math.min(text.length, index + after)
  }
  if (start >= 0) windows.push({ start, text: text.slice(start, end) })
  return windows
}

const TOKEN_CHARACTERS = new Uint8Array(128)
for (const character of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-')
  TOKEN_CHARACTERS[character.charCodeAt(0)] = 1

/**
 * Runs of at least `length` characters of `[A-Za-z0-9_.-]`. Looks at every `length`th character first: one of them
 * lies in every such run, so ordinary text is passed at a fraction of its size.
 */
export function longRuns(text: string, length: number): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = []
  const inRun = (at: number) => TOKEN_CHARACTERS[text.charCodeAt(at)] === 1
  for (let at = length - 1; at < text.length; at += length) {
    if (!inRun(at)) continue
    let start = at
    while (start > 0 && inRun(start - 1)) start--
    let end = at + 1
    while (end < text.length && inRun(end)) end++
    if (end - start >= length) runs.push({ start, end })
    at = end - 1
  }
  return runs
}
