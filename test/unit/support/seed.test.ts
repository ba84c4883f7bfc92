import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../support/seed.ts'

describe('seededRandom', () => {
  it('replays a seed and differs between seeds', () => {
    const draw = (seed: string) => [...seededRandom(seed).bytes(64)]
    expect(draw('a')).toEqual(draw('a'))
    expect(draw('a')).not.toEqual(draw('b'))
  })

  it('is spread over its range', () => {
    const random = seededRandom('spread')
    const counts = new Array<number>(10).fill(0)
    for (let draw = 0; draw < 10_000; draw += 1) counts[random.integer(10)]! += 1
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
  })

  it('picks nothing from nothing', () => {
    expect(() => seededRandom('x').pick([])).toThrow(RangeError)
  })
})
