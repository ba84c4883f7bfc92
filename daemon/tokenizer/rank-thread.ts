import { parentPort, workerData } from 'node:worker_threads'
import type { TokenizerName } from '../../schema/methods/context.ts'
import { rankArrays } from './rank-table.ts'

const name: TokenizerName = workerData
const { default: tokens } =
  name === 'o200k_base'
    ? await import('gpt-tokenizer/bpeRanks/o200k_base')
    : await import('gpt-tokenizer/bpeRanks/cl100k_base')
const arrays = rankArrays(tokens)
parentPort?.postMessage(arrays, [
  arrays.bytes.buffer,
  arrays.ends.buffer,
  arrays.slots.buffer,
] as ArrayBuffer[])
