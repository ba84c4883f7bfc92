import { describe, expect, test } from 'vitest'
import { type Breakage, withBrokenEngine } from './broken-engine.ts'
import { problemsWithHostile } from './hostile-scenario.ts'
import type { Engine } from './session-end.ts'
import { problemsOf, problemsWithStranger } from './sync-scenario.ts'

const SEEDS = 2_000

const RULES: [what: string, scenario: (engine: Engine, seed: string) => string[], Breakage][] = [
  [
    'data goes to members only',
    problemsWithStranger,
    {
      file: 'sync-steps.ts',
      rule: 'if (session.members.peerIsMember) exchangeData(turn, settled)',
      without: 'if (!settled || session.members.peerIsMember) exchangeData(turn, true)',
    },
  ],
  [
    'data comes from members only',
    problemsWithHostile,
    { file: 'sync-steps.ts', rule: 'insist(mayCome(session, frame))', without: '' },
  ],
  [
    'a change is told',
    problemsOf,
    { file: 'sync-compare.ts', rule: '(changed && !session.asking)', without: 'false' },
  ],
  [
    'a question is answered',
    problemsOf,
    { file: 'sync-compare.ts', rule: 'session.owing || session.recheck', without: 'session.recheck' },
  ],
  [
    'an answer asks nothing',
    problemsOf,
    {
      file: 'sync-compare.ts',
      rule: 'sayState(turn, session.recheck || (changed && differs))',
      without: 'sayState(turn, true)',
    },
  ],
  [
    'heads are told once',
    problemsOf,
    {
      file: 'sync-compare.ts',
      rule: ' || same(session.headsTold, session.digest)) return',
      without: ') return',
    },
  ],
  [
    'the sender stops where the credit ends',
    problemsOf,
    { file: 'sync-steps.ts', rule: 'serve.credit > 0', without: 'true' },
  ],
  [
    'the receiver insists on the credit',
    problemsWithHostile,
    { file: 'sync-pull.ts', rule: 'insist(pull.bytes < session.limits.credit)', without: '' },
  ],
  [
    'an ACK gives credit back',
    problemsOf,
    {
      file: 'sync-serve.ts',
      rule: 'credit: session.serve.credit + credit',
      without: 'credit: session.serve.credit',
    },
  ],
  [
    'nothing is merged while members are being learned',
    problemsOf,
    { file: 'sync-steps.ts', rule: 'if (!settled) return', without: '' },
  ],
  [
    'documents are told',
    problemsOf,
    {
      file: 'sync-members.ts',
      rule: "send(turn, { type: 'members', documents: part, more: index < parts.length - 1 })",
      without: '',
    },
  ],
  [
    'news that were overtaken do not count',
    problemsOf,
    {
      file: 'sync-session-state.ts',
      rule: 'head.sequence >= (heads.get(name)?.sequence ?? 0)',
      without: 'true',
    },
  ],
  [
    'one batch is merged at a time',
    problemsOf,
    {
      file: 'sync-pull.ts',
      rule: 'if (!pull || pull.applying.length > 0) return',
      without: 'if (!pull) return',
    },
  ],
  [
    'a run is sent to its end',
    problemsOf,
    {
      file: 'sync-serve.ts',
      rule: 'sequence > wanted!.upTo ? others : [...others, { ...wanted!, sequence }]',
      without: 'others',
    },
  ],
]

describe('an engine without the rule that', () => {
  test.each(RULES)('%s is found out', async (_, scenario, breakage) => {
    const found = await withBrokenEngine(breakage, (engine) => {
      for (let index = 0; index < SEEDS; index++) {
        const problems = attempt(scenario, engine, `mutation ${index}`)
        if (problems.length > 0) return `seed ${index}: ${problems[0]}`
      }
      return undefined
    })
    expect(found).toBeDefined()
  })

  test('and no other is: a copy that says the same passes', async () => {
    const same = { file: 'engine.ts', rule: 'take(turn, event)\n', without: 'take(turn, event)\n' }
    await withBrokenEngine(same, (engine) => {
      for (const scenario of [problemsOf, problemsWithStranger, problemsWithHostile])
        for (let index = 0; index < 100; index++)
          expect(attempt(scenario, engine, `mutation ${index}`)).toEqual([])
    })
  })
})

function attempt(
  scenario: (engine: Engine, seed: string) => string[],
  engine: Engine,
  seed: string,
): string[] {
  try {
    return scenario(engine, seed)
  } catch (error) {
    return [String(error)]
  }
}
