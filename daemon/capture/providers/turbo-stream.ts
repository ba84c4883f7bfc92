import type { Json, JsonObject } from './json-value.ts'

const MAX_VALUES = 2_000_000

/**
 * The value of a stream as React Router writes it into pages: one flat array in which objects name the places of their
 * keys (`_7`) and values, and arrays those of their items; negative places stand for null and the like. Undefined
 * when it is none. Values used several times are shared, and a circle is cut.
 */
export function turboStreamValue(line: string): Json | undefined {
  let flat: unknown
  try {
    flat = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!Array.isArray(flat) || flat.length === 0 || flat.length > MAX_VALUES) return undefined
  const made: (Json | undefined)[] = new Array(flat.length)
  const begun = new Uint8Array(flat.length)
  const open: { place: number; fill: boolean }[] = [{ place: 0, fill: false }]
  // Children are made before the values that hold them; what is still begun then stands in a circle and becomes null.
  for (let step = open.pop(); step; step = open.pop()) {
    const { place, fill } = step
    if (fill) {
      made[place] = valueAt(flat[place], flat, made)
      continue
    }
    if (begun[place]) continue
    begun[place] = 1
    open.push({ place, fill: true })
    for (const child of placesIn(flat[place]))
      if (child >= 0 && child < flat.length) open.push({ place: child, fill: false })
  }
  return made[0]
}

function placesIn(value: unknown): number[] {
  if (Array.isArray(value)) return value.filter((item): item is number => Number.isInteger(item))
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).filter((item): item is number => Number.isInteger(item))
}

function valueAt(value: unknown, flat: readonly unknown[], made: readonly (Json | undefined)[]): Json {
  const at = (place: unknown): Json => (Number.isInteger(place) ? (made[place as number] ?? null) : null)
  if (Array.isArray(value)) {
    // `["D", ms]` and other values that JSON has no word for.
    if (typeof value[0] === 'string') return value[0] === 'D' ? (value[1] as number) : null
    return value.map(at)
  }
  if (typeof value !== 'object' || value === null) return value as Json
  const object: JsonObject = {}
  for (const [name, place] of Object.entries(value)) {
    const key = flat[Number(name.slice(1))]
    if (name.startsWith('_') && typeof key === 'string' && key !== '__proto__') object[key] = at(place)
  }
  return object
}
