import { expect, test } from 'vitest'
import { sensitivityOf } from '../../../../daemon/knowledge/security/sensitivity.ts'

const SAID_BY_USER: [text: string, level: number][] = [
  ['I was diagnosed with diabetes last year.', 4],
  ['My mother has cancer and I do not know what to do.', 4],
  ['I am in debt and the bank wants its money back.', 4],
  ['We are getting divorced; who gets custody?', 4],
  ['Ich bin seit März krankgeschrieben.', 4],
  ['Mein Gehalt reicht nicht, ich habe Schulden.', 4],
  ['Meine Frau und ich haben die Scheidung eingereicht.', 4],
  ['I prefer tea to coffee.', 2],
  ['Ich backe am liebsten mit Roggen.', 2],
  ['What are the symptoms of diabetes?', 1],
  ['Explain how insulin works.', 1],
  ['Was ist eine Insolvenz?', 1],
  ['Explain how WAL mode works in SQLite.', 1],
  ['The US exports steel.', 1],
]
const SAID_TO_USER: [text: string, level: number][] = [
  ['Your diagnosis of diabetes changes what you should eat.', 4],
  ['Deine Depression ist behandelbar.', 4],
  ['Diabetes is a disease in which the body cannot use insulin.', 1],
  ['If you have diabetes, ask a doctor first.', 1],
  ['I can help with that. My plan has three steps.', 1],
]

test.each(SAID_BY_USER)('of a user: %s → %i', (text, level) => {
  expect(sensitivityOf(text, true).level).toBe(level)
})

test.each(SAID_TO_USER)('of an answer: %s → %i', (text, level) => {
  expect(sensitivityOf(text, false).level).toBe(level)
})
