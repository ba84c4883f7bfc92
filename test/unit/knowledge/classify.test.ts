import { describe, expect, test } from 'vitest'
import { generateUnits } from '../../../daemon/knowledge/acu-generator.ts'
import { classify } from '../../../daemon/knowledge/classify.ts'
import type { Role } from '../../../schema/capture.ts'
import type { UnitType } from '../../../schema/methods/knowledge.ts'

const first = (role: Role, content: string, repliesFirst = false) =>
  generateUnits({ role, parts: [{ type: 'text', content }], live: true, repliesFirst })[0]

const LABELLED: [role: Role, type: UnitType, text: string][] = [
  ['user', 'question', 'How long does the starter need before it doubles?'],
  ['user', 'question', 'what is the difference between wal and rollback mode'],
  ['user', 'question', 'Wie lange muss der Teig gehen'],
  ['user', 'question', '第一个问题是什么？'],
  ['user', 'question', 'هل هذا صحيح؟'],
  ['user', 'instruction', 'Write me a parser in TypeScript, no dependencies.'],
  ['user', 'instruction', 'Please shorten the second paragraph.'],
  ['user', 'instruction', 'Schreibe mir bitte eine Mail an die Hausverwaltung.'],
  ['user', 'instruction', 'I have this table of gauge readings. Sort it by station.'],
  ['user', 'decision', "OK, let's go with the 10 kWh battery then."],
  ['user', 'decision', 'Wir nehmen die Wohnung in Alfama.'],
  ['user', 'preference', 'I prefer trains to planes for anything under six hours.'],
  ['user', 'preference', 'Ich mag keinen Koriander, am liebsten esse ich scharf.'],
  ['user', 'fact', 'I live in Cuxhaven with two cats.'],
  ['user', 'fact', 'My daughter is allergic to hazelnuts.'],
  ['user', 'fact', 'Ich arbeite als Krankenpfleger im Schichtdienst.'],
  ['user', 'plan', 'Next steps: order the panels and call the electrician.'],
  ['user', 'statement', 'The second loaf came out denser than the first one.'],
  ['assistant', 'definition', 'A **starter** is a mixture of flour and water that holds wild yeast.'],
  ['assistant', 'instruction', 'Install the package and restart the service afterwards.'],
  ['assistant', 'explanation', 'The crumb is dense because the dough was too cold to ferment in time.'],
  ['assistant', 'explanation', 'Der Teig ist dicht, weil er zu kalt stand.'],
  ['assistant', 'statement', 'The table has four columns and no index.'],
  ['assistant', 'question', 'Would you like a version without the class?'],
  ['assistant', 'error', 'TypeError: x is not a function\n    at main (/app/a.js:1:2)'],
  ['assistant', 'quote', '> All happy families are alike; each unhappy family is unhappy in its own way.'],
  ['assistant', 'list', '- rye flour\n- wheat flour\n- water at 30 °C\n- salt and a little honey'],
  ['assistant', 'instruction', '1. Mix the flour with water.\n2. Wait for four hours.\n3. Add the salt.'],
  ['assistant', 'plan', 'Day 1: Belém and the tower.\n\nDay 2: Sintra, early, by train from Rossio.'],
  ['assistant', 'table', '| a | b |\n|---|---|\n| 1 | 2 |'],
  ['assistant', 'formula', '$$\nE = mc^2\n$$'],
  ['assistant', 'reference', 'https://sqlite.org/wal.html'],
  ['assistant', 'code_snippet', '```ts\nexport const a = 1\n```'],
  ['assistant', 'command', '```bash\nnpm install zod\n```'],
  ['assistant', 'error', '```\nTraceback (most recent call last):\n  File "a.py"\n```'],
]

describe('types', () => {
  test.each(LABELLED)('%s %s: %s', (role, type, text) => {
    expect(first(role, text)?.type).toBe(type)
  })

  test('the first reply to a question is its answer', () => {
    expect(first('assistant', 'About four hours at 26 °C, a little more in winter.', true)?.type).toBe(
      'answer',
    )
  })

  test('prose that starts like code is not code', () => {
    for (const text of [
      'From now on I bake on Fridays.',
      'Class starts at nine in the morning.',
      'Import duties rose again.',
    ])
      expect(['statement', 'fact']).toContain(first('user', text)?.type)
  })
})

describe('categories', () => {
  test.each([
    ['assistant', 'technical', '```ts\nlet a\n```'],
    ['user', 'technical', 'Why does my SQLite database lock when two threads write?'],
    ['assistant', 'procedural', 'First, preheat the oven. Then bake the loaf for 45 minutes.'],
    ['user', 'personal', 'I love hiking in the Harz.'],
    ['user', 'creative', 'Write a haiku for my sister about the tide.'],
    [
      'assistant',
      'conceptual',
      'Freedom and equality pull in different directions in most theories of justice.',
    ],
  ] as const)('%s %s: %s', (role, category, text) => {
    expect(first(role, text)?.category).toBe(category)
  })
})

test('every rule has a name', () => {
  for (const [role, , text] of LABELLED) {
    const { typeRule, categoryRule } = classify({ kind: 'text', text, role, repliesFirst: false })
    expect(typeRule).toMatch(/^type\.[a-z-]+$/)
    expect(categoryRule).toMatch(/^category\.[a-z-]+$/)
    for (const { rule, effect } of first(role, text)!.rules) {
      expect(rule).toMatch(/^(?:split|type|category|quality|security)\.[a-z_-]+$/)
      expect(effect).not.toBe('')
    }
  }
})
