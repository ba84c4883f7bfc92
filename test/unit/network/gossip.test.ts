import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Misbehaviour } from '../../../daemon/network/misbehaviour.ts'
import type { Verdict } from '../../../daemon/network/network.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type TestNetwork, TestNetworks } from './test-networks.ts'

const TOPIC = 'a topic'
const WITHIN = { timeout: 20_000, interval: 20 }

const networks = new TestNetworks()
afterEach(() => networks.stopAll())

interface Listener {
  readonly network: TestNetwork
  readonly heard: { text: string; from: string }[]
  verdict: (text: string) => Verdict
}

function listen(network: TestNetwork, topic = TOPIC): Listener {
  const listener: Listener = { network, heard: [], verdict: () => 'accept' }
  network.subscribe(topic, (message, from) => {
    const text = Buffer.from(message).toString()
    listener.heard.push({ text, from })
    return listener.verdict(text)
  })
  return listener
}

async function listeners(count: number): Promise<Listener[]> {
  const made = await Promise.all(Array.from({ length: count }, () => networks.start()))
  return made.map((network) => listen(network))
}

function say(network: TestNetwork, text: string, topic = TOPIC): void {
  network.publish(topic, Buffer.from(text))
}

/** Says numbered things until the other has heard one: from then on the two are in touch. */
async function inTouch(from: Listener, to: Listener): Promise<void> {
  const mark = randomBytes(8).toString('hex')
  let said = 0
  await vi.waitFor(() => {
    say(from.network, `${mark} ${said++}`)
    if (!to.heard.some(({ text }) => text.startsWith(mark))) throw new Error('not heard yet')
  }, WITHIN)
}

const texts = ({ heard }: Listener) => heard.map(({ text }) => text)

describe('gossip', () => {
  it('is spoken with allowed peers alone: others learn no topic and hear nothing', async () => {
    const [a, b, stranger] = (await Promise.all(
      [false, false, true].map((gossipWithAnyone) => networks.start({ gossipWithAnyone })),
    )) as [TestNetwork, TestNetwork, TestNetwork]
    const [atA, atB, atStranger] = [a, b, stranger].map((network) => listen(network)) as [
      Listener,
      Listener,
      Listener,
    ]
    await Promise.all([stranger.connect(a.target()), b.connect(a.target())])
    a.allowGossip(b.peerId)
    b.allowGossip(a.peerId)
    await inTouch(atA, atB)
    await inTouch(atB, atA)
    for (let said = 0; said < 20; said++) {
      say(a, `from a ${said}`)
      say(stranger, `from the stranger ${said}`)
    }
    say(a, 'the last')
    await vi.waitFor(() => expect(texts(atB)).toContain('the last'), WITHIN)
    expect(texts(atStranger)).toEqual([])
    expect(texts(atA).filter((text) => text.includes('stranger'))).toEqual([])
  })

  it.each([0, 300])(
    'reaches whoever finds out %i ms later than the other that they belong together',
    async (ms) => {
      const make = () => networks.start({ gossipWithAnyone: false })
      const [a, b] = (await Promise.all([make(), make()])) as [TestNetwork, TestNetwork]
      const [atA, atB] = [listen(a), listen(b)] as [Listener, Listener]
      await b.connect(a.target())
      a.allowGossip(b.peerId)
      await new Promise((resolve) => setTimeout(resolve, ms))
      b.allowGossip(a.peerId)
      await inTouch(atA, atB)
      await inTouch(atB, atA)
    },
  )

  it('is heard by the other with the peer that sent it, and not by oneself', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener]
    await a.network.connect(b.network.target())
    await inTouch(a, b)
    await inTouch(b, a)
    const message = randomBytes(LIMITS.gossipMessageBytes / 2).toString('hex')
    say(a.network, message)
    await vi.waitFor(() => expect(b.heard.at(-1)).toEqual({ text: message, from: a.network.peerId }), WITHIN)
    expect(texts(a)).not.toContain(message)
  })

  it('reaches a third through the one in the middle, once', async () => {
    const [a, b, c] = (await listeners(3)) as [Listener, Listener, Listener]
    await a.network.connect(b.network.target())
    await c.network.connect(b.network.target())
    await inTouch(a, c)
    say(a.network, 'for all')
    await vi.waitFor(() => expect(texts(c)).toContain('for all'), WITHIN)
    expect(c.heard.find(({ text }) => text === 'for all')?.from).toBe(b.network.peerId)
    expect(texts(c).filter((text) => text === 'for all')).toHaveLength(1)
    expect(a.network.peers()).not.toContain(c.network.peerId)
  })

  it.each(['ignore', 'reject'] as const)('is not passed on where the verdict is %s', async (verdict) => {
    const [a, b, c] = (await listeners(3)) as [Listener, Listener, Listener]
    await a.network.connect(b.network.target())
    await c.network.connect(b.network.target())
    await inTouch(a, c)
    b.verdict = (text) => (text === 'stops here' ? verdict : 'accept')
    say(a.network, 'stops here')
    await vi.waitFor(() => expect(texts(b)).toContain('stops here'), WITHIN)
    say(a.network, 'goes on')
    await vi.waitFor(() => expect(texts(c)).toContain('goes on'), WITHIN)
    expect(texts(c)).not.toContain('stops here')
    expect(b.network.counted.get(`network.gossip.${verdict}`)).toBe(1)
  })

  it('of a peer whose messages are refused again and again is no longer heard, of others it is', async () => {
    const [bad, judge, good] = (await listeners(3)) as [Listener, Listener, Listener]
    await bad.network.connect(judge.network.target())
    await good.network.connect(judge.network.target())
    await inTouch(bad, judge)
    await inTouch(good, judge)
    judge.heard.length = 0
    judge.network.subscribe(TOPIC, (message, from) => {
      judge.heard.push({ text: Buffer.from(message).toString(), from })
      return from === bad.network.peerId ? 'reject' : 'accept'
    })
    let said = 0
    let refused = -1
    await vi.waitFor(async () => {
      for (let i = 0; i < 50; i++) say(bad.network, `bad ${said++}`)
      await new Promise((resolve) => setTimeout(resolve, 200))
      const now = judge.network.counted.get('network.gossip.reject') ?? 0
      const before = refused
      refused = now
      if (now === 0 || now !== before) throw new Error('still heard')
    }, WITHIN)
    expect(refused).toBeLessThan(said)
    await inTouch(good, judge)
  })

  it('on topics nobody here asked for is dropped before it costs anything', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener]
    await a.network.connect(b.network.target())
    const other = listen(b.network, 'another')
    const ready = listen(a.network, 'another')
    await vi.waitFor(() => {
      say(a.network, `ready ${Math.random()}`, 'another')
      expect(other.heard.length).toBeGreaterThan(0)
    }, WITHIN)
    b.network.unsubscribe('another')
    const heard = other.heard.length
    // In flight, or before the news that nobody listens has arrived.
    say(a.network, 'too late', 'another')
    await inTouch(a, b)
    expect(other.heard.length).toBe(heard)
    expect(ready.heard).toEqual([])
  })

  it('survives a handler that throws', async () => {
    const [a, b] = (await listeners(2)) as [Listener, Listener]
    await a.network.connect(b.network.target())
    await inTouch(a, b)
    let thrown = 0
    b.network.subscribe(TOPIC, (message) => {
      if (Buffer.from(message).toString() !== 'breaks it') return 'accept'
      thrown++
      throw new Error('a bug')
    })
    say(a.network, 'breaks it')
    await vi.waitFor(() => expect(thrown).toBe(1), WITHIN)
    const again = listen(b.network)
    await inTouch(a, again)
    expect(b.network.lines.filter(({ level }) => level === 'error')).toHaveLength(1)
  })

  it('never throws: switched off, without peers, said twice, too large', async () => {
    const off = networks.create()
    say(off, 'nobody hears')
    const alone = await networks.start()
    say(alone, 'nobody hears')
    say(alone, 'nobody hears')
    alone.publish(TOPIC, new Uint8Array(LIMITS.gossipMessageBytes + 1))
    expect(alone.lines.map(({ level }) => level)).toEqual(['warn'])
  })

  it('works among many behind one address', async () => {
    const everyone = await listeners(16)
    const [hub, ...others] = everyone as [Listener, ...Listener[]]
    await Promise.all(others.map(({ network }) => network.connect(hub.network.target())))
    await vi.waitFor(() => expect(hub.network.peers()).toHaveLength(15), WITHIN)
    for (const other of others) await inTouch(hub, other)
    say(others[0]!.network, 'to everyone')
    await vi.waitFor(() => {
      for (const other of everyone.filter((one) => one !== others[0]))
        expect(texts(other)).toContain('to everyone')
    }, WITHIN)
  })
})

describe('misbehaviour', () => {
  it('is forgiven a few times, then counts more and more, and fades', () => {
    const misbehaviour = new Misbehaviour()
    const scores: number[] = []
    for (let i = 0; i < 15; i++) {
      misbehaviour.refuse('bad')
      scores.push(misbehaviour.score('bad'))
    }
    expect(scores.slice(0, 5)).toEqual(
      [0, 0, 0, -1, -4].map((score) => score + 0).map((score) => expect.closeTo(score)),
    )
    // Where gossipsub stops listening altogether.
    expect(scores.at(-1)).toBeLessThan(-80)
    for (let second = 0; second < 120; second++) misbehaviour.tick()
    expect(misbehaviour.score('bad')).toBeCloseTo(0)
    expect(misbehaviour.score('good')).toBeCloseTo(0)
  })

  it('has an end, however much there was', () => {
    const misbehaviour = new Misbehaviour()
    for (let i = 0; i < 100_000; i++) misbehaviour.refuse('bad')
    let seconds = 0
    while (misbehaviour.score('bad') < -80) {
      misbehaviour.tick()
      seconds++
    }
    expect(seconds).toBeGreaterThan(60)
    expect(seconds).toBeLessThan(180)
  })
})
