import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { FrameStream, Network } from '../network/network.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import { RECORD_KINDS, type RecordKind, type SignedRecord } from './record-kinds.ts'
import type { Registry } from './registry.ts'
import {
  type Answer,
  decodeQuestion,
  encodeAnswer,
  type Question,
  REGISTRY_PROTOCOL,
  REGISTRY_STREAM,
} from './registry-frames.ts'

export interface RegistryServerOptions {
  readonly network: Pick<Network, 'handle' | 'unhandle'>
  readonly registry: Registry
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly count: (name: string) => void
}

/** Documents in one frame, in bytes; what is around them fits beside it. */
const DOCUMENT_BYTES = LIMITS.registryFrameBytes - 4 * 1024

/**
 * Answers members. Each stream is served one question after another, so that a peer waits for itself; whoever asks too
 * much is told when to ask again. Answers a function that ends it.
 */
export function serveRegistry({ network, registry, now, count }: RegistryServerOptions): () => void {
  const streams = new Set<FrameStream>()
  const buckets = new TokenBuckets({
    burst: LIMITS.registryBurst,
    perSecond: LIMITS.registryPerSecond,
    names: LIMITS.registryPeers,
    now,
  })

  network.handle(REGISTRY_PROTOCOL, REGISTRY_STREAM, async (stream) => {
    streams.add(stream)
    void stream.closed.then(() => streams.delete(stream))
    for (let frame = await stream.receive(); frame; frame = await stream.receive()) {
      let question: Question
      try {
        question = decodeQuestion(frame)
      } catch {
        count('master.registry.malformed')
        stream.abort('not a question')
        return
      }
      count('master.registry.questions')
      const waitMs = buckets.take(stream.peerId)
      const limited = { id: question.id, type: 'refused', code: 'RateLimited', retryAfterMs: waitMs } as const
      const answers = waitMs > 0 ? [limited] : await answersTo(question, registry)
      for (const answer of answers) await stream.send(encodeAnswer(answer))
    }
    await stream.close()
  })

  return () => {
    network.unhandle(REGISTRY_PROTOCOL)
    for (const stream of streams) stream.abort('the registry closes')
  }
}

async function answersTo(question: Question, registry: Registry): Promise<Answer[]> {
  const { id } = question
  const signal = AbortSignal.timeout(LIMITS.registryCallMs)
  try {
    switch (question.type) {
      case 'ping':
        await registry.ping(signal)
        return [{ id, type: 'pong' }]
      case 'put':
        return [{ id, type: 'put', outcome: await registry.put(question.kind, question.record, signal) }]
      case 'witness':
        return [
          { id, type: 'witness', witness: await registry.witness(question.since, question.leaves, signal) },
        ]
      case 'connections': {
        const records = await registry.connections(question.question, signal)
        return [...framesOf(id, records), { id, type: 'found', user: null }]
      }
      case 'find': {
        const entry = await registry.find(question.did, signal)
        const devices = inFrames(entry?.devices ?? []).map(
          (documents): Answer => ({ id, type: 'devices', documents }),
        )
        const records = framesOf(id, entry?.records ?? [])
        return [...devices, ...records, { id, type: 'found', user: entry?.user ?? null }]
      }
    }
  } catch (error) {
    const known = error instanceof VivimError ? error : new VivimError('Unavailable')
    return [{ id, type: 'refused', code: known.code, retryAfterMs: known.retryAfterMs ?? null }]
  }
}

function framesOf(id: number, records: readonly SignedRecord[]): Answer[] {
  return RECORD_KINDS.flatMap((kind) =>
    inFrames(bytesOf(records, kind)).map((documents): Answer => ({ id, type: 'records', kind, documents })),
  )
}

function bytesOf(records: readonly SignedRecord[], kind: RecordKind): Uint8Array[] {
  return records.filter((record) => record.kind === kind).map(({ bytes }) => bytes)
}

function inFrames(documents: readonly Uint8Array[]): Uint8Array[][] {
  const frames: Uint8Array[][] = []
  let bytes = DOCUMENT_BYTES
  for (const document of documents) {
    // A length of at most three bytes is written before each.
    const size = document.length + 3
    if (bytes + size > DOCUMENT_BYTES) {
      frames.push([])
      bytes = 0
    }
    frames.at(-1)!.push(document)
    bytes += size
  }
  return frames
}
