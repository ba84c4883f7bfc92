import { attributeOf, htmlTokens } from './html-tokens.ts'
import type { Json, JsonObject } from './json-value.ts'
import { turboStreamValue } from './turbo-stream.ts'

/** Values looked at in one page. */
const MAX_VALUES = 2_000_000
const ENQUEUE = /streamController\.enqueue\(\s*"/g
const ASSIGNED = /(?:window|self|globalThis)(?:\.[\w$]+|\["[\w$]+"\])\s*=\s*(?=[{[])/g

/** The data a page brings along for its own scripts: JSON scripts, assigned objects, streams. */
export function* pageData(html: string): Generator<Json> {
  let script: string | undefined
  for (const token of htmlTokens(html)) {
    if (token.kind === 'open') script = token.name === 'script' ? token.attributes : undefined
    else if (token.kind === 'text' && script !== undefined) yield* dataOf(script, token.text)
    else script = undefined
  }
}

function* dataOf(attributes: string, source: string): Generator<Json> {
  if (/json/i.test(attributeOf(attributes, 'type') ?? '')) {
    const value = parsed(source)
    if (value !== undefined) yield value
    return
  }
  for (const { index, 0: found } of source.matchAll(ENQUEUE)) {
    const start = index + found.length - 1
    const text = parsed(source.slice(start, endOfString(source, start)))
    for (const line of typeof text === 'string' ? text.split('\n') : []) {
      const value = turboStreamValue(line.replace(/^P\d+:/, ''))
      if (value !== undefined) yield value
    }
  }
  for (const { index, 0: found } of source.matchAll(ASSIGNED)) {
    const start = index + found.length
    const value = parsed(source.slice(start, endOfValue(source, start)))
    if (value !== undefined) yield value
  }
}

/** The first object inside that is wanted, from the outside inwards. */
export function findObject(root: Json, isWanted: (value: JsonObject) => boolean): JsonObject | undefined {
  const seen = new Set<object>()
  let level: object[] = typeof root === 'object' && root !== null ? [root] : []
  for (let count = 0; level.length > 0; ) {
    const inner: object[] = []
    for (const value of level) {
      if (seen.has(value)) continue
      seen.add(value)
      if (++count > MAX_VALUES) return undefined
      if (!Array.isArray(value) && isWanted(value as JsonObject)) return value as JsonObject
      for (const each of Object.values(value)) if (typeof each === 'object' && each !== null) inner.push(each)
    }
    level = inner
  }
  return undefined
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** Behind the closing quote of the string that begins there. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

function endOfValue(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfString(text, at) - 1
    else if (char === '{' || char === '[') depth++
    else if ((char === '}' || char === ']') && --depth === 0) return at + 1
  }
  return text.length
}
