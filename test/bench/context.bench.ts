import { join } from 'node:path'
import { packChatgpt, packClaude } from '../demo/samples/pack.ts'
import { TestNode } from '../support/test-node.ts'
import { type Bench, quantile, timed } from './measurement.ts'

const QUESTIONS = [
  'How much water do I use for the sourdough?',
  'What did we decide about the battery size?',
  'Which day do I fly to Lisbon?',
  'Wann benutze ich den Dativ?',
  'Why did the SQLite migration fail?',
  'Which exercises help my back?',
]

/** Compiling context and searching on the demo's data, over the socket. */
export const contextBench: Bench = {
  prefix: 'context',
  async run({ quick }) {
    const rounds = quick ? 5 : 40
    await using node = await TestNode.start()
    const { client } = await node.user()
    for (const [name, pack] of Object.entries({ 'chatgpt.zip': packChatgpt, 'claude.zip': packClaude })) {
      const path = join(node.folder, name)
      await pack(path)
      await client.call('capture.import', { path, wait: 'indexed' })
    }
    const compiles: number[] = []
    const searches: number[] = []
    for (let round = -2; round < rounds; round++)
      for (const message of QUESTIONS) {
        const compile = await timed(() => client.call('context.compile', { message }))
        const search = await timed(() => client.call('search.query', { query: message }))
        if (round < 0) continue
        compiles.push(compile)
        searches.push(search)
      }
    const note = (samples: number[]) =>
      `p50 ${quantile(samples, 0.5).toFixed(1)}, over the socket, the demo's data`
    return [
      {
        name: 'context.compile_demo_p95_ms',
        value: quantile(compiles, 0.95),
        unit: 'ms',
        goal: 15,
        better: 'lower',
        runs: compiles.length,
        note: note(compiles),
      },
      {
        name: 'context.search_demo_p95_ms',
        value: quantile(searches, 0.95),
        unit: 'ms',
        goal: 10,
        better: 'lower',
        runs: searches.length,
        note: note(searches),
      },
    ]
  },
}
