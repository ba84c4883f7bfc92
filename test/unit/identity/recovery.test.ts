import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { phraseOfSeed, seedOfPhrase } from '../../../daemon/identity/recovery.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('a recovery phrase', () => {
  it('is the published BIP-39 sentence of its entropy', () => {
    expect(phraseOfSeed(new Uint8Array(32))).toBe(`${'abandon '.repeat(23)}art`)
    expect(phraseOfSeed(new Uint8Array(32).fill(0xff))).toBe(`${'zoo '.repeat(23)}vote`)
  })

  it('gives the seed back, however it is typed', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const typed = `  ${phraseOfSeed(seed).toUpperCase().replaceAll(' ', ' \n ')}\t`
        expect(seedOfPhrase(typed)).toEqual(seed)
      }),
    )
  })

  it.each([
    ['12 words', `${'abandon '.repeat(11)}about`],
    ['a wrong checksum', `${'abandon '.repeat(23)}abandon`],
    ['a word that is none', `${'abandon '.repeat(23)}vivimd`],
    ['nothing', ''],
    ['25 words', `${'abandon '.repeat(24)}art`],
  ])('with %s is refused, and never repeated in the answer', (_what, phrase) => {
    const error = (() => {
      try {
        return seedOfPhrase(phrase)
      } catch (caught) {
        return caught as Error
      }
    })()
    expect(error).toMatchObject({ code: 'InvalidParams', field: 'recoveryPhrase' })
    expect(JSON.stringify(error)).not.toContain('vivimd')
    expect((error as Error).message).not.toMatch(/abandon|vivimd/)
  })
})
