import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { Libp2pFrameStream } from '../../../daemon/network/frame-stream.ts'
import type { FrameStream } from '../../../daemon/network/network.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { TestNetworks } from './test-networks.ts'

const KIB = 1024
const MIB = 1024 * KIB
const FRAMES = { maxFrameBytes: 256 * KIB }
const PROTOCOL = '/test/1'

const networks = new TestNetworks()
afterEach(() => networks.stopAll())

async function echo(stream: FrameStream): Promise<void> {
  for (let frame = await stream.receive(); frame; frame = await stream.receive()) await stream.send(frame)
  await stream.close()
}

/** Two nodes, and both ends of a stream between them. */
async function pair(limits = { here: FRAMES.maxFrameBytes, there: FRAMES.maxFrameBytes }) {
  const [a, b] = await Promise.all([networks.start(), networks.start()])
  const arrived = Promise.withResolvers<FrameStream>()
  b.handle(PROTOCOL, { maxFrameBytes: limits.there }, (stream) => arrived.resolve(stream))
  const here = await a.open(b.target(), PROTOCOL, { maxFrameBytes: limits.here })
  return { a, b, here: here as Libp2pFrameStream, there: (await arrived.promise) as Libp2pFrameStream }
}

async function drain(stream: FrameStream): Promise<number> {
  let bytes = 0
  for (let frame = await stream.receive(); frame; frame = await stream.receive()) bytes += frame.length
  return bytes
}

/** Resolves when the value has been the same for a while: nothing moves any more. */
async function settled(read: () => number): Promise<number> {
  let last = read()
  for (let same = 0; same < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    same = read() === last ? same + 1 : 0
    last = read()
  }
  return last
}

describe('frames', () => {
  it('come back whole and in order, from 1 byte to 256 KiB', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle(PROTOCOL, FRAMES, echo)
    await a.connect(b.target())
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 256 * KIB })), {
          minLength: 1,
          maxLength: 12,
        }),
        async (sizes) => {
          const frames = sizes.map((size) => new Uint8Array(randomBytes(size)))
          const stream = await a.open({ peerId: b.peerId }, PROTOCOL, FRAMES)
          const sending = (async () => {
            for (const frame of frames) await stream.send(frame)
          })()
          for (const frame of frames) expect(Buffer.compare((await stream.receive())!, frame)).toBe(0)
          await sending
          const total = sizes.reduce((sum, size) => sum + size, 0)
          expect([stream.bytesSent, stream.bytesReceived]).toEqual([total, total])
          await stream.close()
          await stream.closed
        },
      ),
      { numRuns: 25 },
    )
  })

  it('of the lengths where the prefix grows come back', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle(PROTOCOL, FRAMES, echo)
    const stream = await a.open(b.target(), PROTOCOL, FRAMES)
    for (const size of [1, 127, 128, 129, 16_383, 16_384, 16_385, 256 * KIB]) {
      await stream.send(new Uint8Array(size).fill(size % 251))
      const back = await stream.receive()
      expect([back?.length, back?.at(-1)]).toEqual([size, size % 251])
    }
    await stream.close()
  })

  it('own their bytes, so that they can be moved to another thread', async () => {
    const { here, there } = await pair()
    await here.send(new Uint8Array([1, 2, 3]))
    await here.send(new Uint8Array([4]))
    const frame = await there.receive()
    expect(frame?.buffer.byteLength).toBe(3)
    structuredClone(frame, { transfer: [frame!.buffer as ArrayBuffer] })
    expect(await there.receive()).toEqual(new Uint8Array([4]))
  })

  it('are refused by the sender when they are empty or too large', async () => {
    const { here, there } = await pair()
    await expect(here.send(new Uint8Array())).rejects.toMatchObject({ code: 'InvalidParams' })
    await expect(here.send(new Uint8Array(256 * KIB + 1))).rejects.toMatchObject({ code: 'TooLarge' })
    await here.send(new Uint8Array([7]))
    expect(await there.receive()).toEqual(new Uint8Array([7]))
  })

  it('beyond the limit break the stream on both sides, and nothing else', async () => {
    const { a, b, here, there } = await pair({ here: 100_000, there: 1_000 })
    await here.send(new Uint8Array(1_000))
    await here.send(new Uint8Array(1_001))
    expect((await there.receive())?.length).toBe(1_000)
    await expect(there.receive()).rejects.toMatchObject({ code: 'Unavailable', message: /larger than 1000/ })
    await expect(here.receive()).rejects.toMatchObject({ code: 'Unavailable' })
    await Promise.all([here.closed, there.closed])
    await expect(here.send(new Uint8Array(1))).rejects.toMatchObject({ code: 'Unavailable' })
    expect([a.peers(), b.peers()]).toEqual([[b.peerId], [a.peerId]])
  })
})

describe('memory', () => {
  it('is bounded on both sides while a reader is slow, over 50 MB', async () => {
    const { here, there } = await pair()
    const frames = 200
    const frame = new Uint8Array(randomBytes(256 * KIB))
    let sent = 0
    const sending = (async () => {
      for (; sent < frames; sent++) await here.send(frame)
      await here.close()
    })()
    const sentUnread = (await settled(() => sent)) * frame.length
    expect(sent).toBeLessThan(frames)
    // What is with the reader, with the writer, and in the buffers of the system.
    expect(sentUnread).toBeLessThan(12 * MIB)
    let most = 0
    let received = 0
    for (let got = await there.receive(); got; got = await there.receive()) {
      received += got.length
      most = Math.max(most, there.unreadBytes)
      if (received % (10 * frame.length) === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await sending
    expect(received).toBe(frames * frame.length)
    console.log(
      `unread at most ${(most / MIB).toFixed(2)} MiB, sent unread ${(sentUnread / MIB).toFixed(2)} MiB`,
    )
    expect(most).toBeLessThan(3 * MIB)
  })

  it('is bounded when the unread frames are tiny', async () => {
    const { here, there } = await pair()
    const frames = 100_000
    let sent = 0
    const sending = (async () => {
      for (; sent < frames; sent++) await here.send(new Uint8Array([sent % 256]))
      await here.close()
    })()
    await settled(() => there.unreadBytes)
    expect(there.unreadBytes).toBeGreaterThan(100 * KIB)
    expect(there.unreadBytes).toBeLessThan(3 * MIB)
    let count = 0
    for (let got = await there.receive(); got; got = await there.receive()) {
      if (got.length !== 1 || got[0] !== count % 256) throw new Error(`frame ${count} is another`)
      count++
    }
    await sending
    expect(count).toBe(frames)
  })

  it('makes a sender wait, who can give up', async () => {
    const { here } = await pair()
    const giveUp = new AbortController()
    let sent = 0
    const sending = (async () => {
      for (; ; sent++) await here.send(new Uint8Array(256 * KIB), giveUp.signal)
    })()
    sending.catch(() => {})
    await settled(() => sent)
    giveUp.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
  })
})

describe('the end of a stream', () => {
  it('is told after everything that was sent before it was closed', async () => {
    const { here, there } = await pair()
    const sending = (async () => {
      for (let i = 0; i < 40; i++) await here.send(new Uint8Array(100 * KIB))
      await here.close()
    })()
    await settled(() => there.unreadBytes)
    expect(await drain(there)).toBe(40 * 100 * KIB)
    expect(await there.receive()).toBeUndefined()
    await sending
    await there.close()
    await Promise.all([here.closed, there.closed])
  })

  it('is told after everything also when the sender has gone in the meantime', async () => {
    const { here, there } = await pair()
    for (let i = 0; i < 3; i++) await here.send(new Uint8Array(256 * KIB))
    await here.close()
    here.abort('done')
    await there.closed
    expect(await drain(there)).toBe(3 * 256 * KIB)
  })

  it('is an error at the other side when it was aborted', async () => {
    const { here, there } = await pair()
    await here.send(new Uint8Array([1]))
    expect(await there.receive()).toEqual(new Uint8Array([1]))
    const waiting = there.receive()
    here.abort('no more')
    await expect(waiting).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(here.receive()).rejects.toMatchObject({ code: 'Unavailable', message: /no more/ })
    await expect(here.send(new Uint8Array([1]))).rejects.toMatchObject({ code: 'Unavailable' })
    await Promise.all([here.closed, there.closed])
    await here.close()
    await there.close()
  })

  it('is an error when the network of the sender stops in the middle', async () => {
    const { a, there } = await pair()
    const outcome = expect(there.receive()).rejects.toMatchObject({ code: 'Unavailable' })
    await a.stop()
    await outcome
    await there.close()
    await there.closed
  })

  it('does not wait for a side that never reads: closing drops what is unread', async () => {
    const { here, there } = await pair()
    const sending = (async () => {
      for (let i = 0; i < 40; i++) await here.send(new Uint8Array(256 * KIB))
    })()
    await there.close()
    await sending
    await here.close()
    await Promise.all([here.closed, there.closed])
    await expect(there.receive()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('can be waited for with a signal', async () => {
    const { here, there } = await pair()
    await expect(here.receive(AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'TimeoutError' })
    await there.send(new Uint8Array([5]))
    expect(await here.receive()).toEqual(new Uint8Array([5]))
  })
})

describe('a handler', () => {
  it('that throws breaks its stream and is told to the log', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle('/throws/1', FRAMES, () => {
      throw new Error('at once')
    })
    b.handle('/rejects/1', FRAMES, async (stream) => {
      await stream.receive()
      throw new Error('later')
    })
    for (const protocol of ['/throws/1', '/rejects/1']) {
      const stream = await a.open(b.target(), protocol, FRAMES)
      await stream.send(new Uint8Array([1])).catch(() => {})
      await expect(stream.receive()).rejects.toMatchObject({ code: 'Unavailable' })
    }
    expect(b.lines.map(({ details }) => (details as { reason: string }).reason)).toEqual(['at once', 'later'])
    expect(a.peers()).toEqual([b.peerId])
  })

  it('has at most so many streams of one peer, and as many again when they are closed', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle(PROTOCOL, { ...FRAMES, maxInbound: 2 }, echo)
    const tryOne = async () => {
      const stream = await a.open(b.target(), PROTOCOL, FRAMES)
      await stream.send(new Uint8Array([1]))
      await stream.receive()
      return stream
    }
    const first = await tryOne()
    const second = await tryOne()
    await expect(tryOne()).rejects.toMatchObject({ code: 'Unavailable' })
    await first.close()
    await first.closed
    const third = await tryOne()
    await Promise.all([second.close(), third.close()])
  })

  it('is the only one of its protocol, until it is taken away', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle(PROTOCOL, FRAMES, echo)
    expect(() => b.handle(PROTOCOL, FRAMES, echo)).toThrow(expect.objectContaining({ code: 'Conflict' }))
    b.unhandle(PROTOCOL)
    await expect(a.open(b.target(), PROTOCOL, FRAMES)).rejects.toMatchObject({
      code: 'Unavailable',
      message: /does not speak/,
    })
    b.handle(PROTOCOL, FRAMES, echo)
    await (await a.open(b.target(), PROTOCOL, FRAMES)).close()
  })
})

it('the bounds tested here are those of the limits', () => {
  expect(LIMITS.networkStreamBufferBytes).toBe(MIB)
})
