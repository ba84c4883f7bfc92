import type { Part } from '../../schema/capture.ts'
import { detectSecrets, SEALED_MARKER } from '../knowledge/security/secrets.ts'
import type { Vault } from '../vault/vault.ts'
import { safeText } from './safe-text.ts'

type Json = NonNullable<Part['metadata']>[string]

/** Shorter text holds no secret worth the look; longer keys and names are looked at like values. */
const MIN_SECRET = 4
const MIN_SECRET_NAME = 12
/** Ids in this form are counters and random numbers, not keys. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

/**
 * Takes level-5 spans out of captured text before anything is hashed or stored: each becomes a marker
 * `⟦sealed:<kind>:<tag>⟧`, and is kept aside under the vault key. Makes all text safe on the way.
 */
export class SecretSealer {
  readonly #vault: Vault
  #secrets = new Map<string, string>()
  /** Strings in which NUL or lone surrogates were replaced. */
  repaired = 0

  constructor(vault: Vault) {
    this.#vault = vault
  }

  text(source: string): string {
    const text = this.#safe(source)
    return text.length < MIN_SECRET ? text : this.#withMarkers(text, '')
  }

  optional(source: string | null | undefined): string | null {
    return source === null || source === undefined ? null : this.text(source)
  }

  /** Provider ids: what looks random there is meant to be, except for keys in place of ids. */
  id(source: string | undefined): string | undefined {
    return source === undefined || UUID.test(source) ? source : this.text(source)
  }

  /** Values keep their shape; keys come out sorted, so that equal content is written equally. */
  json(value: Json, key = ''): Json {
    if (typeof value === 'string') {
      const text = this.#safe(value)
      return text.length < MIN_SECRET ? text : this.#withMarkers(text, key === '' ? '' : `${key}: `)
    }
    if (Array.isArray(value)) return value.map((item) => this.json(item, key))
    if (typeof value === 'object' && value !== null) return this.object(value)
    return value
  }

  object(value: Readonly<Record<string, Json>>): Record<string, Json> {
    const names = Object.keys(value).sort()
    return Object.fromEntries(
      names.map((name) => [
        name.length < MIN_SECRET_NAME ? this.#safe(name) : this.text(name),
        this.json(value[name]!, name),
      ]),
    )
  }

  /** What was sealed since the last time, under the vault key; undefined when there was nothing. */
  take(): Uint8Array | undefined {
    if (this.#secrets.size === 0) return undefined
    const bytes = Buffer.from(JSON.stringify([...this.#secrets]))
    this.#secrets = new Map()
    return this.#vault.seal('span', bytes)
  }

  #safe(source: string): string {
    const text = safeText(source)
    if (text !== source) this.repaired++
    return text
  }

  /** `before` is what gives a value its meaning (`password: `); only the value's own characters are replaced. */
  #withMarkers(text: string, before: string): string {
    const spans = detectSecrets(before + text)
    if (spans.length === 0) return text
    let sealed = ''
    let from = 0
    for (const { start, end, kind } of spans) {
      const first = Math.max(start - before.length, from)
      const last = end - before.length
      if (last <= first) continue
      sealed += text.slice(from, first) + this.#marker(kind, text.slice(first, last))
      from = last
    }
    return sealed + text.slice(from)
  }

  #marker(kind: string, secret: string): string {
    const marker = `⟦sealed:${kind}:${this.#vault.secretTag(secret)}⟧`
    this.#secrets.set(marker, secret)
    return marker
  }
}

/** Puts sealed text back into the parts of a message. Throws VivimError `Corrupt` when it was not sealed here. */
export function revealParts(vault: Vault, sealed: Uint8Array, parts: readonly Part[]): Part[] {
  const secrets = new Map<string, string>(
    JSON.parse(Buffer.from(vault.unseal('span', sealed)).toString('utf8')),
  )
  const reveal = (value: Json): Json => {
    if (typeof value === 'string')
      return value.replace(SEALED_MARKER, (marker) => secrets.get(marker) ?? marker)
    if (Array.isArray(value)) return value.map(reveal)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [reveal(name) as string, reveal(inner)]),
    )
  }
  return reveal(parts as unknown as Json) as unknown as Part[]
}
