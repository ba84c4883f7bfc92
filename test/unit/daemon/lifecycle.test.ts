import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { Lifecycle } from '../../../daemon/lifecycle.ts'
import { Metrics } from '../../../daemon/metrics.ts'
import { handleSignals } from '../../../daemon/signals.ts'

function recorded() {
  const lines: string[] = []
  const write = (level: string) => (details: object, message: string) => {
    const { stage = '' } = details as { stage?: string }
    lines.push(`${level} ${stage} ${message}`)
  }
  const log = { info: write('info'), warn: write('warn'), error: write('error') }
  return { lines, log }
}

describe('stages', () => {
  it('start in order, stop in the opposite one, with what they started', async () => {
    const { log } = recorded()
    const lifecycle = new Lifecycle({ log, now: () => 0 })
    const events: string[] = []
    for (const name of ['lock', 'users', 'socket']) {
      const value = await lifecycle.start(name, {
        start: async () => {
          expect(lifecycle.current).toBe(name)
          events.push(`+${name}`)
          return name.toUpperCase()
        },
        stop: async (value, reason) => void events.push(`-${value} ${reason}`),
      })
      expect(value).toBe(name.toUpperCase())
    }
    expect(lifecycle.current).toBeUndefined()
    expect(await lifecycle.stop('enough')).toEqual({ hung: [], failed: [] })
    expect(events).toEqual(['+lock', '+users', '+socket', '-SOCKET enough', '-USERS enough', '-LOCK enough'])
  })

  it('stop once, however often they are told', async () => {
    const lifecycle = new Lifecycle({ log: recorded().log, now: () => 0 })
    let stops = 0
    await lifecycle.start('a', { start: () => {}, stop: () => void stops++ })
    await Promise.all([lifecycle.stop('one'), lifecycle.stop('two')])
    expect(stops).toBe(1)
    expect(lifecycle.stopping).toBe(true)
    await expect(lifecycle.start('late', { start: () => {} })).rejects.toThrow('stopping')
  })

  it('that hang or throw are named, and the others still stop', async () => {
    const { log, lines } = recorded()
    const lifecycle = new Lifecycle({ log, now: () => 0 })
    const stopped: string[] = []
    await lifecycle.start('first', { start: () => {}, stop: () => void stopped.push('first') })
    await lifecycle.start('throws', {
      start: () => {},
      stop: () => {
        throw new Error('no')
      },
    })
    await lifecycle.start('hangs', { start: () => {}, stop: () => new Promise(() => {}), stopBudgetMs: 20 })
    await lifecycle.start('last', { start: () => {}, stop: () => void stopped.push('last') })
    expect(await lifecycle.stop('test')).toEqual({ hung: ['hangs'], failed: ['throws'] })
    expect(stopped).toEqual(['last', 'first'])
    expect(lines).toContain('error hangs hangs did not stop in time')
    expect(lines).toContain('error throws throws failed to stop')
  })

  it('a failed start stops only what had started', async () => {
    const lifecycle = new Lifecycle({ log: recorded().log, now: () => 0 })
    const stopped: string[] = []
    await lifecycle.start('a', { start: () => {}, stop: () => void stopped.push('a') })
    const failing = lifecycle.start('b', {
      start: () => Promise.reject(new Error('no')),
      stop: () => void stopped.push('b'),
    })
    await expect(failing).rejects.toThrow('no')
    await lifecycle.stop('failed')
    expect(stopped).toEqual(['a'])
  })

  it('a slow start is named while it lasts', async () => {
    const { log, lines } = recorded()
    const lifecycle = new Lifecycle({ log, now: () => 0, slowStartMs: 10 })
    await lifecycle.start('migrations', { start: () => new Promise((resolve) => setTimeout(resolve, 100)) })
    expect(lines).toEqual(['warn migrations still starting', 'info migrations started'])
  })
})

describe('signals', () => {
  it('stop at first, force from then on, and can be ignored again', () => {
    const source = new EventEmitter()
    const seen: string[] = []
    const ignore = handleSignals(
      { stop: (signal) => seen.push(`stop ${signal}`), force: (signal) => seen.push(`force ${signal}`) },
      source,
    )
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGTERM']) source.emit(signal)
    ignore()
    source.emit('SIGINT')
    expect(seen).toEqual(['stop SIGTERM', 'force SIGINT', 'force SIGTERM'])
  })
})

describe('counters', () => {
  it('add up, and gauges are read when asked', () => {
    const metrics = new Metrics()
    const { count } = metrics
    count('b')
    count('b', 2)
    let open = 1
    metrics.gauge('a.open', () => open)
    open = 7
    count('__proto__')
    expect(Object.entries(metrics.counters())).toEqual([
      ['__proto__', 1],
      ['a.open', 7],
      ['b', 3],
    ])
  })
})
