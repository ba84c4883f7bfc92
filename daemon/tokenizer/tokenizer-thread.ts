import { setImmediate as nextTurn } from 'node:timers/promises'
import { type MessagePort, parentPort } from 'node:worker_threads'
import { encodingOf } from './encoding.ts'
import type { CountReply, CountRequest } from './wire.ts'

/** Texts counted before other ports get a turn, by their sum of UTF-16 units: about 2 ms of prose. */
const SLICE = 100_000

/** The tokenizer thread: a port per user's worker arrives as a message; `null` ends the thread. */
parentPort?.on('message', (port: MessagePort | null) => {
  if (port === null) process.exit(0)
  port.on('message', (request: CountRequest) => void answer(port, request))
})

async function answer(port: MessagePort, { id, texts, tokenizer }: CountRequest): Promise<void> {
  const reply: CountReply = await countTexts(texts, tokenizer).then(
    (counts) => ({ id, counts }),
    () => ({ id }),
  )
  port.postMessage(reply)
}

async function countTexts(texts: readonly string[], tokenizer: CountRequest['tokenizer']): Promise<number[]> {
  const encoding = await encodingOf(tokenizer)
  const counts: number[] = []
  let counted = 0
  for (const text of texts) {
    counts.push(encoding.count(text))
    counted += text.length
    if (counted < SLICE) continue
    await nextTurn()
    counted = 0
  }
  return counts
}
