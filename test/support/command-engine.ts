import { createHash, sign } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'
import type { LogHead } from '../../crdt/frontier.ts'
import type { UserCall, UserEngine } from '../../daemon/users/user-engine.ts'
import type { OpenUserEngine, UserEngineOptions } from '../../daemon/users/user-engine-options.ts'
import { Database } from '../../daemon/vault/database.ts'
import type { ReplicaActions } from '../../daemon/vault/replica.ts'
import { type ErrorCode, VivimError } from '../../schema/errors.ts'
import type { Params, Result, UserMethodName } from '../../schema/methods/index.ts'

/**
 * A small engine over a real SQLite file, for the tests of what hosts engines. Its one method is `search.query`; the
 * query is a command: `write TEXT`, `read`, `fail CODE`, `hang`, `exit`, …
 */
class CommandEngine implements UserEngine {
  readonly #options: UserEngineOptions
  readonly #database: Database
  #aborted = 0
  #stubborn = false
  busy = false

  constructor(options: UserEngineOptions) {
    this.#options = options
    this.#database = new Database(options.databasePath)
    this.#database.script(
      'CREATE TABLE IF NOT EXISTS lines (text TEXT); CREATE TABLE IF NOT EXISTS owner (did TEXT)',
    )
    const owner = this.#database.get<{ did: string }>('SELECT did FROM owner')
    if (!owner) this.#database.run('INSERT INTO owner VALUES (?)', [options.did])
    else if (owner.did !== options.did) throw new VivimError('Corrupt', 'That file is another user.')
  }

  async call<M extends UserMethodName>(method: M, params: Params<M>, call: UserCall): Promise<Result<M>> {
    if (method !== 'search.query') throw new VivimError('MethodNotFound')
    const { query, ...rest } = params as { query: string }
    const [verb = '', ...words] = query.split(' ')
    return { items: [await this.#run(verb, words.join(' '), rest, call)] } as unknown as Result<M>
  }

  async #run(verb: string, text: string, rest: object, call: UserCall): Promise<unknown> {
    switch (verb) {
      case 'echo':
        return { text, rest, maxSecurityLevel: call.maxSecurityLevel, mayReadPaths: call.mayReadPaths }
      case 'write':
        return this.#database.run('INSERT INTO lines VALUES (?)', [text])
      case 'read':
        return this.#database.all<{ text: string }>('SELECT text FROM lines').map((line) => line.text)
      case 'keys': {
        const { vaultKey, spaceSecret, deviceKey } = this.#options
        const [vault, space] = [vaultKey, spaceSecret].map((key) =>
          createHash('sha256').update(key).digest('hex'),
        )
        return { vault, space, signature: sign(null, Buffer.from(text), deviceKey), isMainThread }
      }
      case 'fail':
        throw new VivimError(text as ErrorCode, `failed with ${text}`, {
          field: 'a.b',
          hint: 'try',
          retryAfterMs: 7,
        })
      case 'throw':
        throw new TypeError(`a bug near ${text}`)
      case 'double':
        return doubled((rest as { bytes: Uint8Array }).bytes)
      case 'progress':
        for (let done = 1; done <= 3; done++) call.progress({ jobId: 'j', done, total: 3, stage: text })
        return 'progressed'
      case 'pending':
        this.#options.onPendingWork(text === 'true')
        return text
      case 'commit':
        this.#options.onCommitted([{ ...head(), sequence: Number(text) }], [new Uint8Array(3)])
        return text
      case 'sleep':
        await wait(Number(text))
        return 'slept'
      case 'hang':
        await untilAborted(call.signal)
        this.#aborted++
        throw call.signal.reason
      case 'aborted':
        return this.#aborted
      case 'stubborn':
        this.#stubborn = true
        return 'closing will take for ever'
      case 'exit':
        process.exit(3)
        break
      case 'crash':
        setImmediate(() => {
          throw new Error('an error nobody catches')
        })
        return untilAborted(call.signal)
      default:
        throw new VivimError('InvalidParams', undefined, { field: 'query' })
    }
  }

  /** Counts the bytes of segments and refuses empty ones, as a vault refuses what does not verify. */
  readonly replica = {
    frontier: () => [head()],
    apply: ({ segments }: { segments: readonly Uint8Array[] }) => {
      const operations = segments.reduce((sum, { length }) => sum + length, 0)
      if (operations === 0) throw new VivimError('Corrupt', 'nothing in it')
      return { frontier: [head()], operations, missingBlobs: [] }
    },
  } as unknown as ReplicaActions

  async probe(): Promise<void> {
    this.#database.get('SELECT count(*) FROM lines')
  }

  async close(): Promise<void> {
    if (this.#stubborn) await new Promise(() => setInterval(() => undefined, 1_000))
    this.#database.close()
  }
}

const head = (): LogHead => ({
  device: new Uint8Array(32).fill(1),
  incarnation: new Uint8Array(8).fill(2),
  sequence: 3,
  hash: new Uint8Array(32).fill(4),
})

function doubled(bytes: Uint8Array): Uint8Array {
  return new Uint8Array([...bytes, ...bytes])
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export const openCommandEngine: OpenUserEngine = async (options) => new CommandEngine(options)
