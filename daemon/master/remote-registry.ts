import { type ErrorCode, VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { FrameStream } from '../network/network.ts'
import { believable, recordsIn } from './record-check.ts'
import type { RecordKind, SignedRecord } from './record-kinds.ts'
import type { PutOutcome, Registry, RegistryEntry, Since, Witness } from './registry.ts'
import { RegistryChannel, type TakeAnswer, type Unnumbered } from './registry-channel.ts'
import type { Answer } from './registry-frames.ts'
import { until } from './until.ts'

export interface RemoteRegistryOptions {
  /** Opens a stream of `/vivim/registry/1` to the master. @throws VivimError `Unavailable` */
  readonly open: (signal: AbortSignal) => Promise<FrameStream>
  readonly count: (name: string) => void
  /** Part of an answer about a DID was signed by nobody who may. */
  readonly onForged?: (did: string) => void
}

/** More than a master keeps of one person. */
const MOST_RECORDS = 2 * (LIMITS.registryEntries + LIMITS.registrySealed)
const MOST_CONNECTIONS = 2 * (2 * LIMITS.registryConnections + LIMITS.registryConnectionsTo)

/** What a master may refuse with, in our words: its own are not shown to anybody. */
const REFUSALS: Partial<Record<ErrorCode, string>> = {
  InvalidParams: 'The master says that the record does not verify.',
  TooLarge: 'The master says that the record is too large.',
  Forbidden: 'The master says that the device that signed it was taken out.',
  Exhausted: 'The master keeps no more devices of this person.',
  RateLimited: 'The master is asked too often.',
  Unavailable: 'The master cannot answer now.',
}

/** The registry of a bootstrap node, over one stream that is opened again when it is gone. */
export class RemoteRegistry implements Registry {
  readonly #options: RemoteRegistryOptions
  #channel: RegistryChannel | undefined
  #opening: Promise<RegistryChannel> | undefined
  #closed = false

  constructor(options: RemoteRegistryOptions) {
    this.#options = options
  }

  /** @throws also VivimError `RateLimited`, `Exhausted`, `TooLarge`, `Forbidden` */
  async put(kind: RecordKind, record: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    if (record.length > LIMITS.registryRecordBytes)
      throw new VivimError('TooLarge', `A record has at most ${LIMITS.registryRecordBytes} bytes.`)
    let outcome: PutOutcome | undefined
    await this.#ask(
      { type: 'put', kind, record },
      () => (answer) => {
        if (answer.type === 'put') outcome = answer.outcome
        return expected(answer.type === 'put')
      },
      signal,
    )
    return outcome!
  }

  async witness(since: Since | null, leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<Witness> {
    let witness: Witness | undefined
    await this.#ask(
      { type: 'witness', since, leaves },
      () => (answer) => {
        if (answer.type === 'witness') witness = answer.witness
        return expected(witness?.inclusions.length === leaves.length)
      },
      signal,
    )
    return witness!
  }

  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    let devices: Uint8Array[] = []
    let records: SignedRecord[] = []
    let user: Uint8Array | undefined
    const collect = (): TakeAnswer => {
      devices = []
      records = []
      return (answer) => {
        if (answer.type === 'devices') {
          devices.push(...answer.documents)
          // More than a master keeps: it would go on for ever.
          if (devices.length > 2 * LIMITS.registryDevices) throw unexpected()
          return false
        }
        if (answer.type === 'records') {
          const { kind, documents } = answer
          records.push(...documents.map((bytes) => ({ kind, bytes })))
          if (records.length > MOST_RECORDS) throw unexpected()
          return false
        }
        if (answer.type !== 'found') throw unexpected()
        user = answer.user ?? undefined
        return true
      }
    }
    await this.#ask({ type: 'find', did }, collect, signal)
    const answer = { did, devices, records, ...(user === undefined ? {} : { user }) }
    const entry = believable(answer)
    if ((entry ? recordsIn(entry).length : 0) < recordsIn(answer).length) this.#unbelievable(did)
    return entry
  }

  async connections(question: Uint8Array, signal?: AbortSignal): Promise<SignedRecord[]> {
    let records: SignedRecord[] = []
    const collect = (): TakeAnswer => {
      records = []
      return (answer) => {
        if (answer.type === 'found') return true
        if (answer.type !== 'records') throw unexpected()
        const { kind, documents } = answer
        records.push(...documents.map((bytes) => ({ kind, bytes })))
        if (records.length > MOST_CONNECTIONS) throw unexpected()
        return false
      }
    }
    await this.#ask({ type: 'connections', question }, collect, signal)
    return records
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#ask(
      { type: 'ping' },
      () =>
        ({ type }) =>
          expected(type === 'pong'),
      signal,
    )
  }

  #unbelievable(did: string): void {
    this.#options.count('master.unbelievable')
    this.#options.onForged?.(did)
  }

  close(): void {
    this.#closed = true
    this.#channel?.abort('closed')
  }

  /** Asking twice does no harm: a stream that broke since it was last used is replaced once. */
  async #ask(question: Unnumbered, begin: () => TakeAnswer, signal?: AbortSignal): Promise<void> {
    const deadline = AbortSignal.timeout(LIMITS.registryCallMs)
    const both = signal ? AbortSignal.any([signal, deadline]) : deadline
    const kept = this.#channel && !this.#channel.over
    try {
      await this.#askOnce(question, begin(), both)
    } catch (error) {
      if (signal?.aborted) throw signal.reason
      if (deadline.aborted) throw new VivimError('Unavailable', 'The master did not answer in time.')
      if (!kept || !this.#channel?.over) throw error
      await this.#askOnce(question, begin(), both)
    }
  }

  async #askOnce(question: Unnumbered, take: TakeAnswer, signal: AbortSignal): Promise<void> {
    const channel = await until(this.#open(), signal)
    try {
      await channel.ask(question, (answer) => take(accepted(answer)), signal)
    } catch (error) {
      // It may be stuck: the next question opens another.
      if ((signal.reason as Error | undefined)?.name === 'TimeoutError') channel.abort('no answer in time')
      throw error
    }
  }

  async #open(): Promise<RegistryChannel> {
    if (this.#closed) throw new VivimError('Unavailable', 'The node is leaving its master.')
    if (this.#channel && !this.#channel.over) return this.#channel
    this.#opening ??= this.#openAnother().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #openAnother(): Promise<RegistryChannel> {
    const channel = new RegistryChannel(await this.#options.open(AbortSignal.timeout(LIMITS.registryCallMs)))
    this.#channel = channel
    if (this.#closed) channel.abort('closed')
    return channel
  }
}

/** @throws what a refusal says */
function accepted(answer: Answer): Answer {
  if (answer.type !== 'refused') return answer
  const { code, retryAfterMs } = answer
  const known = REFUSALS[code] === undefined ? 'Unavailable' : code
  throw new VivimError(known, REFUSALS[known], retryAfterMs === null ? {} : { retryAfterMs })
}

function expected(is: boolean): true {
  if (!is) throw unexpected()
  return true
}

function unexpected(): VivimError {
  return new VivimError('Unavailable', 'The master answered something else.')
}
