import { Worker } from 'node:worker_threads'
import type { TokenizerName } from '../../schema/methods/context.ts'
import { type RankArrays, RankTable } from './rank-table.ts'

/** Reads an encoding's tokens in a thread that ends with it: the module they come in would keep 30 MB for good. */
export async function loadRanks(name: TokenizerName): Promise<RankTable> {
  const thread = new Worker(new URL(threadFile(), import.meta.url), {
    name: 'token ranks',
    workerData: name,
    execArgv: [],
  })
  try {
    return new RankTable(
      await new Promise<RankArrays>((resolve, reject) => {
        thread.once('message', resolve)
        thread.once('error', reject)
        thread.once('exit', () => reject(new Error('the thread that reads the tokens ended')))
      }),
    )
  } finally {
    await thread.terminate()
  }
}

/** Beside this file, with its own ending: `.ts` in the sources, `.js` once built. */
function threadFile(): string {
  return import.meta.url.endsWith('.ts') ? './rank-thread.ts' : './rank-thread.js'
}
