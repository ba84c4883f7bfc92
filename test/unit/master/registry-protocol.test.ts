import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { RECORD_KINDS } from '../../../daemon/master/record-kinds.ts'
import type { Registry } from '../../../daemon/master/registry.ts'
import {
  type Answer,
  decodeAnswer,
  decodeQuestion,
  encodeAnswer,
  encodeQuestion,
  type Question,
  REGISTRY_PROTOCOL,
  REGISTRY_STREAM,
} from '../../../daemon/master/registry-frames.ts'
import { serveRegistry } from '../../../daemon/master/registry-server.ts'
import { RemoteRegistry } from '../../../daemon/master/remote-registry.ts'
import type { FrameStream, StreamHandler } from '../../../daemon/network/network.ts'
import { TokenBuckets } from '../../../daemon/network/token-buckets.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { TestNetworks } from '../network/test-networks.ts'
import { Person } from './people.ts'
import { eventually, failureOf, Temporary } from './temporary.ts'

const bytes = fc.uint8Array({ maxLength: 40 })
const id = fc.nat()
const hashes = fc.uint8Array({ minLength: 32, maxLength: 32 })
const questions: fc.Arbitrary<Question> = fc.oneof(
  fc.record({ id, type: fc.constant('ping' as const) }),
  fc.record({ id, type: fc.constant('find' as const), did: fc.string({ maxLength: 100 }) }),
  fc.record({ id, type: fc.constant('connections' as const), question: bytes }),
  fc.record({ id, type: fc.constant('put' as const), kind: fc.constantFrom(...RECORD_KINDS), record: bytes }),
  fc.record({
    id,
    type: fc.constant('witness' as const),
    since: fc.option(fc.record({ generation: fc.nat(), size: fc.nat() })),
    leaves: fc.array(hashes),
  }),
)
const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ id, type: fc.constant('pong' as const) }),
  fc.record({
    id,
    type: fc.constant('put' as const),
    outcome: fc.constantFrom('stored' as const, 'stale' as const),
  }),
  fc.record({ id, type: fc.constant('devices' as const), documents: fc.array(bytes) }),
  fc.record({
    id,
    type: fc.constant('records' as const),
    kind: fc.constantFrom(...RECORD_KINDS),
    documents: fc.array(bytes),
  }),
  fc.record({
    id,
    type: fc.constant('witness' as const),
    witness: fc.record({
      head: bytes,
      consistency: fc.option(fc.array(hashes, { maxLength: 50 })),
      inclusions: fc.array(fc.option(fc.record({ index: fc.nat(), path: fc.array(hashes) }))),
    }),
  }),
  fc.record({ id, type: fc.constant('found' as const), user: fc.option(bytes) }),
  fc.record({
    id,
    type: fc.constant('refused' as const),
    code: fc.constantFrom('RateLimited' as const, 'Unavailable' as const, 'InvalidParams' as const),
    retryAfterMs: fc.option(fc.nat()),
  }),
)

describe('frames of the registry', () => {
  it('come back as they went', () => {
    fc.assert(
      fc.property(questions, (question) => {
        expect(decodeQuestion(encodeQuestion(question))).toEqual(question)
      }),
    )
    fc.assert(
      fc.property(answers, (answer) => {
        expect(decodeAnswer(encodeAnswer(answer))).toEqual(answer)
      }),
    )
  })

  it('are refused whenever a field is missing, too many or of another kind', () => {
    for (const fields of [
      [],
      [1],
      [-1, 1],
      [1.5, 1],
      ['1', 1],
      [1, 9],
      [1, 1, 'x'],
      [1, 2],
      [1, 2, 3],
      [1, 3, 'x'],
      [1, 2, 'x', 'y'],
      [1, 2, 'x'.repeat(101)],
      [1, 7, null],
      [1, 13],
      [1, 13, 'x'],
      [1, 13, new Uint8Array(), 1],
      [1, 7, [1], []],
      [1, 7, null, [new Uint8Array(31)]],
      [1, 7, null, Array.from({ length: 129 }, () => new Uint8Array(32))],
    ])
      expect(() => decodeQuestion(encodeCanonical(fields)), JSON.stringify(fields)).toThrow()
    for (const fields of [
      [],
      [1, 9],
      [1, 1, 'x'],
      [1, 2],
      [1, 2, 7],
      [1, 3, 'x'],
      [1, 3, ['x']],
      [1, 4],
      [1, 4, 'x'],
      [1, 4, null, 1],
      [1, 5],
      [1, 5, 'x', null],
      [1, 5, -32016],
      [1, 5, -32016, -1],
      [1, 6, 99, []],
      [1, 7, new Uint8Array(), null],
      [1, 7, new Uint8Array(), [new Uint8Array(1)], []],
      [1, 7, new Uint8Array(), null, [[1]]],
      [1, 7, new Uint8Array(), null, [[-1, []]]],
    ])
      expect(() => decodeAnswer(encodeCanonical(fields)), JSON.stringify(fields)).toThrow()
  })

  it('never are anything else than an error when they are noise', () => {
    const decoded = (work: () => unknown) => {
      try {
        return work() !== undefined
      } catch (error) {
        return error instanceof Error
      }
    }
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        (noise) => decoded(() => decodeQuestion(noise)) && decoded(() => decodeAnswer(noise)),
      ),
    )
  })
})

describe('token buckets', () => {
  it('let nobody through more often than they say, and everybody that often', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(500), { maxLength: 200 }), (pauses) => {
        let time = 0
        const buckets = new TokenBuckets({ burst: 5, perSecond: 10, names: 10, now: () => time })
        const passed: number[] = []
        for (const pause of pauses) {
          time += pause
          const waitMs = buckets.take('a')
          if (waitMs === 0) passed.push(time)
          else expect(waitMs).toBeLessThanOrEqual(100)
        }
        for (const [n, from] of passed.entries())
          for (const [m, to] of passed.slice(n).entries())
            expect(m + 1).toBeLessThanOrEqual(5 + (to - from) / 100 + 1e-6)
        time += 500
        expect(buckets.take('a')).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  it('count each name alone, and only so many', () => {
    const buckets = new TokenBuckets({ burst: 1, perSecond: 1, names: 2, now: () => 0 })
    expect(['a', 'b', 'a', 'b'].map((name) => buckets.take(name))).toEqual([0, 0, 1_000, 1_000])
    buckets.take('c')
    expect(buckets.take('a')).toBe(0)
  })
})

let temporary: Temporary
let networks: TestNetworks
beforeEach(() => {
  temporary = new Temporary()
  networks = new TestNetworks()
  temporary.after(() => networks.stopAll())
})
afterEach(() => temporary.undo())

/** A registry in memory that does as it is told: what is behind the server is tested elsewhere. */
function registryOf(over: Partial<Registry> = {}): Registry {
  return {
    put: async () => 'stored',
    witness: async () => ({ head: new Uint8Array(1), consistency: null, inclusions: [] }),
    find: async () => undefined,
    connections: async () => [],
    ping: async () => {},
    ...over,
  }
}

async function serve(registry: Registry) {
  const counted: string[] = []
  const master = await networks.start()
  const end = serveRegistry({
    network: master,
    registry,
    now: () => performance.now(),
    count: (name) => void counted.push(name),
  })
  return { master, counted, end }
}

async function streamTo(master: Awaited<ReturnType<TestNetworks['start']>>): Promise<FrameStream> {
  return (await networks.start()).open(master.target(), REGISTRY_PROTOCOL, REGISTRY_STREAM)
}

describe('a registry that is served', () => {
  it('breaks the stream of who sends noise, and goes on for others', async () => {
    const { master, counted } = await serve(registryOf())
    const noisy = await streamTo(master)
    const honest = await streamTo(master)
    await noisy.send(Uint8Array.of(1, 2, 3))
    expect(await failureOf(receiveAll(noisy))).toMatchObject({ code: 'Unavailable' })
    await honest.send(encodeQuestion({ id: 1, type: 'ping' }))
    expect(decodeAnswer((await honest.receive())!)).toEqual({ id: 1, type: 'pong' })
    expect(counted).toContain('master.registry.malformed')
  })

  it('limits each peer, over all its streams, and says how long to wait', async () => {
    let asked = 0
    const { master } = await serve(registryOf({ find: async () => void asked++ as undefined }))
    const peer = await networks.start()
    const open = () => peer.open(master.target(), REGISTRY_PROTOCOL, REGISTRY_STREAM)
    const streams = [await open(), await open()]
    const calls = 2 * LIMITS.registryBurst
    const answers = await Promise.all(
      streams.map(async (stream) => {
        for (let n = 0; n < calls / 2; n++)
          await stream.send(encodeQuestion({ id: n, type: 'find', did: 'x' }))
        const got: Answer[] = []
        while (got.length < calls / 2) got.push(decodeAnswer((await stream.receive())!))
        return got
      }),
    )
    const refused = answers.flat().filter(({ type }) => type === 'refused')
    expect(asked).toBe(calls - refused.length)
    expect(asked).toBeGreaterThanOrEqual(LIMITS.registryBurst)
    expect(asked).toBeLessThan(calls)
    expect(refused[0]).toMatchObject({ code: 'RateLimited', retryAfterMs: expect.any(Number) })
    const other = await streamTo(master)
    await other.send(encodeQuestion({ id: 1, type: 'ping' }))
    expect(decodeAnswer((await other.receive())!)).toEqual({ id: 1, type: 'pong' })
  })

  it('tells nobody what broke inside', async () => {
    const { master } = await serve(
      registryOf({ ping: () => Promise.reject(new Error('secret-word at postgresql://')) }),
    )
    const stream = await streamTo(master)
    await stream.send(encodeQuestion({ id: 1, type: 'ping' }))
    const frame = (await stream.receive())!
    expect(decodeAnswer(frame)).toEqual({ id: 1, type: 'refused', code: 'Unavailable', retryAfterMs: null })
    expect(Buffer.from(frame).toString('latin1')).not.toContain('secret-word')
  })

  it('lets go of its streams when it ends', async () => {
    const { master, end } = await serve(registryOf())
    const stream = await streamTo(master)
    await stream.send(encodeQuestion({ id: 1, type: 'ping' }))
    await stream.receive()
    end()
    await stream.closed
    expect(await failureOf(streamTo(master))).toMatchObject({ code: 'Unavailable' })
  })
})

/** A member of a master that behaves as the handler does. */
async function memberOf(handler: StreamHandler) {
  const master = await networks.start()
  const member = await networks.start()
  master.handle(REGISTRY_PROTOCOL, REGISTRY_STREAM, handler)
  const counted: string[] = []
  let opened = 0
  const registry = new RemoteRegistry({
    open: (signal) => {
      opened++
      return member.open(master.target(), REGISTRY_PROTOCOL, { ...REGISTRY_STREAM, signal })
    },
    count: (name) => void counted.push(name),
  })
  temporary.after(() => registry.close())
  return { registry, master, member, counted, opened: () => opened }
}

/** Answers each question with what `answer` makes of it. */
function answering(answer: (question: Question) => readonly Answer[]): StreamHandler {
  return async (stream) => {
    for (let frame = await stream.receive(); frame; frame = await stream.receive())
      for (const one of answer(decodeQuestion(frame))) await stream.send(encodeAnswer(one))
    await stream.close()
  }
}

describe('a member of a hostile or failing master', () => {
  const ann = new Person('Ann')
  const bob = new Person('Bob')

  it('believes only what that person signed, and the newest of it', async () => {
    const { registry, counted } = await memberOf(
      answering(({ id }) => [
        {
          id,
          type: 'devices',
          documents: [ann.document({ signer: 'Bob/laptop' }), bob.document(), new Uint8Array(5)],
        },
        {
          id,
          type: 'devices',
          documents: [
            ann.document({ sequence: 3 }),
            ann.document({ sequence: 9 }),
            ann.document({ sequence: 4 }),
          ],
        },
        { id, type: 'found', user: bob.record(1) },
      ]),
    )
    expect(await registry.find(ann.did)).toEqual({
      did: ann.did,
      devices: [ann.document({ sequence: 9 })],
      records: [],
    })
    expect(counted).toContain('master.unbelievable')
  })

  it('hears of nobody where nothing holds', async () => {
    const { registry } = await memberOf(answering(({ id }) => [{ id, type: 'found', user: bob.record(1) }]))
    expect(await registry.find(ann.did)).toBeUndefined()
  })

  it('does not listen for ever', async () => {
    const documents = Array.from({ length: 40 }, () => ann.document())
    const { registry } = await memberOf(async (stream) => {
      const { id } = decodeQuestion((await stream.receive())!)
      for (;;) await stream.send(encodeAnswer({ id, type: 'devices', documents }))
    })
    expect(await failureOf(registry.find(ann.did))).toMatchObject({ code: 'Unavailable' })
  })

  it('takes no answer for another, and no noise', async () => {
    const wrong = await memberOf(answering(({ id }) => [{ id, type: 'pong' }]))
    expect(await failureOf(wrong.registry.put('user', ann.record(1)))).toMatchObject({ code: 'Unavailable' })
    const noisy = await memberOf(async (stream) => {
      await stream.receive()
      await stream.send(Uint8Array.of(9, 9))
    })
    expect(await failureOf(noisy.registry.ping())).toMatchObject({ code: 'Unavailable' })
  })

  it('gives up on silence, opens another stream, and lets others stop waiting earlier', async () => {
    let silent = true
    const { registry, opened } = await memberOf(async (stream) => {
      for (let frame = await stream.receive(); frame; frame = await stream.receive())
        if (!silent) await stream.send(encodeAnswer({ id: decodeQuestion(frame).id, type: 'pong' }))
    })
    const reason = new Error('enough')
    const stopping = new AbortController()
    const impatient = failureOf(registry.ping(stopping.signal))
    const began = performance.now()
    const patient = failureOf(registry.ping())
    stopping.abort(reason)
    expect(await impatient).toBe(reason)
    expect(await patient).toMatchObject({ code: 'Unavailable', message: expect.stringContaining('in time') })
    expect(performance.now() - began).toBeLessThan(LIMITS.registryCallMs * 3)
    silent = false
    await registry.ping()
    expect(opened()).toBe(2)
  })

  it('keeps one stream, and asks again on another when that one broke meanwhile', async () => {
    const streams: FrameStream[] = []
    const answer = answering(({ id }) => [{ id, type: 'pong' }])
    const { registry, opened } = await memberOf((stream) => {
      streams.push(stream)
      return answer(stream)
    })
    await Promise.all(Array.from({ length: 20 }, () => registry.ping()))
    expect(opened()).toBe(1)
    streams[0]!.abort('a power cut')
    await registry.ping()
    expect(opened()).toBe(2)
  })

  it('passes on a refusal in words of its own', async () => {
    const { registry } = await memberOf(
      answering(({ id }) => [{ id, type: 'refused', code: 'RateLimited', retryAfterMs: 70 }]),
    )
    expect(await failureOf(registry.ping())).toMatchObject({ code: 'RateLimited', retryAfterMs: 70 })
    const odd = await memberOf(
      answering(({ id }) => [{ id, type: 'refused', code: 'Corrupt', retryAfterMs: null }]),
    )
    expect(await failureOf(odd.registry.ping())).toMatchObject({ code: 'Unavailable' })
  })

  it('is Unavailable while the master is away, and finds it again', async () => {
    const { registry, master } = await memberOf(answering(({ id }) => [{ id, type: 'pong' }]))
    await registry.ping()
    await master.stop()
    expect(await failureOf(registry.ping())).toMatchObject({ code: 'Unavailable' })
    await master.start()
    await eventually('it answers', () =>
      registry
        .ping()
        .then(() => true)
        .catch(() => false),
    )
  })

  it('asks nobody once it is closed', async () => {
    const { registry } = await memberOf(answering(({ id }) => [{ id, type: 'pong' }]))
    await registry.ping()
    registry.close()
    expect(await failureOf(registry.ping())).toMatchObject({ code: 'Unavailable' })
  })
})

async function receiveAll(stream: FrameStream): Promise<void> {
  while (await stream.receive());
}
