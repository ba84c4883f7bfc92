import { describe, expect, test } from 'vitest'
import { dateWindowsOf } from '../../../../daemon/context/dates.ts'
import { excerpt } from '../../../../daemon/context/excerpt.ts'
import { analyseQuery } from '../../../../daemon/context/query.ts'
import { isUnspaced, wordsOf } from '../../../../daemon/knowledge/words/terms.ts'
import { temporaryVault } from '../../../support/temporary-vault.ts'

const TEXT = `The running runners' relational generalizations were hopefully conditional; flies, dies, skis, news!
Yearly yes. Städte über Äpfel: naïve café, Größe. fooBar_baz v2.0 node.js 3.14 don't it's ABILITIES agreed
feed bled motoring hopping tanned falling hissing fizzed failing filing happy sky digitizer operator feudalism
decisiveness hopefulness callousness formality sensitivity sensibility triplicate formative electrical goodness
revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent
adoption homologou communism activate angularity homologous effective bowdlerize probate rate cease controll roll
aa a1 x y Ωmega Москва привет`

describe('words', () => {
  test('are what FTS5 makes of the same text', () => {
    using vault = temporaryVault()
    vault.vault.run(
      "CREATE VIRTUAL TABLE temp.words USING fts5 (text, tokenize = 'porter unicode61 remove_diacritics 2')",
    )
    vault.vault.run('INSERT INTO temp.words VALUES (?)', [TEXT])
    vault.vault.run("CREATE VIRTUAL TABLE temp.seen USING fts5vocab ('temp', 'words', 'row')")
    const theirs = vault.vault
      .all<{ term: string }>('SELECT term FROM temp.seen ORDER BY term')
      .map(({ term }) => term)
    const ours = [...new Set(wordsOf(TEXT).map(({ term }) => term))].toSorted()
    expect(ours).toEqual(theirs.toSorted())
  })

  test('of scripts without spaces are pairs of characters', () => {
    expect(wordsOf('京都旅行 tea').map(({ term }) => term)).toEqual(['京都', '都旅', '旅行', 'tea'])
    expect(isUnspaced('京都')).toBe(true)
    expect(isUnspaced('tea')).toBe(false)
  })
})

describe('a query', () => {
  test('loses its stop-words unless nothing is left', () => {
    expect(analyseQuery('What did I tell you about the kettle?').terms.map(({ plain }) => plain)).toEqual([
      'kettle',
    ])
    expect(analyseQuery('Was habe ich über den Kessel gesagt?').terms.map(({ plain }) => plain)).toEqual([
      'kessel',
      'gesagt',
    ])
    const little = analyseQuery('who are you?')
    expect(little.terms).toHaveLength(3)
    expect(little.saysLittle).toBe(true)
  })

  test('is read at its end when it is long', () => {
    const query = analyseQuery(`${'padding words here '.repeat(5_000)} and the zanzibar question`)
    expect(query.terms.map(({ plain }) => plain)).toContain('zanzibar')
  })

  test.each([
    ['What did I say about tea?', 'user'],
    ['What did you recommend?', 'assistant'],
    ['Was hast du empfohlen?', 'assistant'],
    ['Welchen Kessel habe ich gekauft?', 'user'],
    ['How hot is the sun?', undefined],
  ])('%j is about the words of: %s', (text, role) => {
    expect(analyseQuery(text).role).toBe(role)
  })
})

describe('dates', () => {
  const day = (year: number, month: number, date: number) => ({
    from: Date.UTC(year, month, date),
    to: Date.UTC(year, month, date + 1),
  })
  test.each([
    ['on 2024-05-08?', [day(2024, 4, 8)]],
    ['on 8 May, 2023', [day(2023, 4, 8)]],
    ['May 8th 2023', [day(2023, 4, 8)]],
    ['am 3. März 2025', [day(2025, 2, 3)]],
    ['on 8 May', [day(2022, 4, 8), day(2023, 4, 8)]],
    ['in July 2023', [{ from: Date.UTC(2023, 6), to: Date.UTC(2023, 7) }]],
    ['in 2021', [{ from: Date.UTC(2021, 0), to: Date.UTC(2022, 0) }]],
    ['I may 99 or 2024-13', []],
    ['no date', []],
  ])('%j', (text, windows) => {
    expect(dateWindowsOf(text, [2022, 2023])).toEqual(
      text.includes('2024-13') ? [{ from: Date.UTC(2024, 0), to: Date.UTC(2025, 0) }] : windows,
    )
  })
})

describe('an excerpt', () => {
  const idf = new Map([['kettl', 3]])
  test('is the text itself when that is short', () => {
    expect(excerpt('Short. Text.', idf, 100)).toBe('Short. Text.')
  })

  test('keeps whole sentences around the word, and says what is left out', () => {
    const text = `${'Nothing of note here. '.repeat(40)}The kettle cost 3.50 euros. ${'More filler follows. '.repeat(40)}`
    const cut = excerpt(text, idf, 120)
    expect(cut).toContain('The kettle cost 3.50 euros.')
    expect(cut.length).toBeLessThanOrEqual(120)
    expect(cut).toMatch(/^….*\.…$/s)
  })

  test('never cuts a character in half and ends in bounded time', () => {
    for (const text of [
      '😀'.repeat(20_000),
      '.'.repeat(40_000),
      'a'.repeat(40_000),
      '.x'.repeat(20_000),
      '。'.repeat(30_000),
    ]) {
      const started = performance.now()
      const cut = excerpt(text, idf, 101)
      expect(performance.now() - started).toBeLessThan(2_000)
      expect(cut.isWellFormed()).toBe(true)
      expect(cut.length).toBeLessThanOrEqual(101)
      expect(cut.length).toBeGreaterThan(1)
    }
  })
})
