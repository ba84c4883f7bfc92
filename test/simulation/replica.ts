import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import type { KnownMembers } from '../../crdt/engine.ts'
import { type Frontier, type LogPosition, logName } from '../../crdt/frontier.ts'
import { hashOf, sha256 } from '../../crdt/hash.ts'
import { decodeShippedSegment, encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import type { SeededRandom } from '../support/seed.ts'

interface StoredLog {
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  readonly bodies: Uint8Array[]
  /** Where the signed segments begin and end. */
  segments: { readonly first: number; readonly last: number }[]
}

const NOTHING = new Uint8Array(32)
const SIGNATURE = new Uint8Array(64)
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A device's document, as far as a simulation needs it: it names the device, and whether it verifies. */
export function documentOf(device: Uint8Array, genuine = true): Uint8Array {
  return encodeCanonical(['document', device, genuine])
}

/** What a vault is to the engine, in memory: logs without gaps, members, blobs. Nothing is signed, all is checked else. */
export class Replica {
  readonly device: Uint8Array
  readonly #own: StoredLog
  readonly #logs = new Map<string, StoredLog>()
  readonly #documents = new Map<string, Uint8Array>()
  readonly blobs = new Map<string, Uint8Array>()
  /** Blobs that operations name. */
  readonly named = new Set<string>()
  readonly #pieces = new Map<string, Uint8Array[]>()

  constructor(number: number, options: { readonly genuine?: boolean } = {}) {
    this.device = hashOf(['device', number])
    this.#own = { device: this.device, incarnation: new Uint8Array(8), bodies: [], segments: [] }
    this.#logs.set(logName(this.#own), this.#own)
    this.#keep(documentOf(this.device, options.genuine ?? true))
  }

  frontier(): Frontier {
    return [...this.#logs.values()].map(({ device, incarnation, bodies }) => ({
      device,
      incarnation,
      sequence: bodies.length,
      hash: hashOf(['operation', device, bodies.length]),
    }))
  }

  /** Writes operations, some of which name a blob, and signs them alone or together with the segment before. */
  commit(random: SeededRandom, count: number, bodyBytes: number, blobs = true): void {
    const { bodies, segments } = this.#own
    const first = bodies.length + 1
    for (let index = 0; index < count; index++) {
      const blob = blobs && random.next() < 0.05 ? random.bytes(1 + random.integer(40)) : undefined
      const hash = blob && sha256(blob)
      if (blob && hash) {
        this.blobs.set(hex(hash), blob)
        this.named.add(hex(hash))
      }
      bodies.push(
        encodeCanonical([
          hash ?? null,
          random.integer(1 << 30),
          new Uint8Array(random.integer(bodyBytes + 1)),
        ]),
      )
    }
    const before = segments.at(-1)
    const last = bodies.length
    const together = before && last - before.first < 20 && random.next() < 0.5
    if (together) segments[segments.length - 1] = { first: before.first, last }
    else segments.push({ first, last })
  }

  read(log: LogPosition, maxBytes: number): { segments: Uint8Array[]; upTo: number } {
    const stored = this.#logs.get(logName(log))
    const read: Uint8Array[] = []
    let upTo = log.sequence - 1
    let bytes = 0
    for (const { first, last } of stored?.segments ?? []) {
      if (last <= upTo) continue
      const segment = segmentOf(stored!, first, last, Math.max(first, upTo + 1))
      if (read.length > 0 && bytes + segment.length > maxBytes) break
      read.push(segment)
      bytes += segment.length
      upTo = last
    }
    return { segments: read, upTo }
  }

  /** Undefined if the batch is refused: a gap, a device nobody told of, a segment that cannot be read. */
  apply(batch: readonly Uint8Array[]): { frontier: Frontier; missingBlobs: Uint8Array[] } | undefined {
    for (const bytes of batch) {
      const { device, incarnation, first, count, from, operations } = decodeShippedSegment(bytes)
      if (!this.isMember(device)) return undefined
      const name = logName({ device, incarnation })
      const log = this.#logs.get(name) ?? { device, incarnation, bodies: [], segments: [] }
      this.#logs.set(name, log)
      const last = first + count - 1
      if (last <= log.bodies.length) continue
      if (from > log.bodies.length + 1) return undefined
      for (const operation of operations.slice(log.bodies.length + 1 - from)) {
        if (!('body' in operation)) return undefined
        log.bodies.push(operation.body)
        const [hash] = decodeCanonical(operation.body) as [Cbor]
        if (hash instanceof Uint8Array) this.named.add(hex(hash))
      }
      log.segments = [...log.segments.filter((segment) => segment.first < first), { first, last }]
    }
    return { frontier: this.frontier(), missingBlobs: this.missingBlobs() }
  }

  missingBlobs(): Uint8Array[] {
    return [...this.named].filter((name) => !this.blobs.has(name)).map((name) => Buffer.from(name, 'hex'))
  }

  readBlob(hash: Uint8Array, offset: number, maxBytes: number) {
    const bytes = this.blobs.get(hex(hash)) ?? new Uint8Array(0)
    return { hash, offset, total: bytes.length, bytes: bytes.slice(offset, offset + maxBytes) }
  }

  storeBlobPiece(hash: Uint8Array, offset: number, total: number, bytes: Uint8Array): void {
    const name = hex(hash)
    const pieces = offset === 0 ? [bytes] : [...(this.#pieces.get(name) ?? []), bytes]
    this.#pieces.set(name, pieces)
    const whole = Buffer.concat(pieces)
    if (whole.length === total && hex(sha256(whole)) === name) this.blobs.set(name, whole)
  }

  isMember(device: Uint8Array): boolean {
    return this.#documents.has(hex(documentOf(device)))
  }

  members(peer: Uint8Array): KnownMembers {
    const documents = [...this.#documents.values()].sort(Buffer.compare)
    return { digest: hashOf(documents).slice(0, 8), documents, peerIsMember: this.isMember(peer) }
  }

  /** Keeps documents that verify, whoever brings them. */
  saveMembers(documents: readonly Uint8Array[]): void {
    for (const document of documents) {
      const [, , genuine] = decodeCanonical(document) as Cbor[]
      if (genuine === true) this.#keep(document)
    }
  }

  /** All that this device holds, to compare with another's. */
  contents(): string {
    const logs = [...this.#logs.values()].filter(({ bodies }) => bodies.length > 0)
    return logs
      .map(({ device, bodies }) => `${hex(device)} ${hex(hashOf(bodies))}`)
      .sort()
      .join('\n')
  }

  #keep(document: Uint8Array): void {
    this.#documents.set(hex(document), document)
  }
}

function segmentOf(log: StoredLog, first: number, last: number, from: number): Uint8Array {
  return encodeShippedSegment({
    space: NOTHING,
    device: log.device,
    incarnation: log.incarnation,
    first,
    count: last - first + 1,
    previousHash: NOTHING,
    membershipHead: NOTHING,
    headHash: NOTHING,
    signature: SIGNATURE,
    seed: NOTHING,
    from,
    operations: log.bodies.slice(from - 1, last).map((body) => ({ body })),
  })
}
