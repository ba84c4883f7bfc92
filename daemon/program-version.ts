import { readFileSync } from 'node:fs'

/** The version in package.json, which lies beside `daemon/` or, for compiled code, beside `dist/`. */
export function programVersion(): string {
  for (const place of ['../package.json', '../../package.json']) {
    try {
      const { name, version } = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name: string
        version: string
      }
      if (name === 'vivimd') return version
    } catch {}
  }
  return 'unknown'
}
