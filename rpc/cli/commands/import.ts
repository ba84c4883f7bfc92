import { resolve } from 'node:path'
import { VivimError } from '../../../schema/errors.ts'
import type { ParamsInput, Result } from '../../../schema/methods/index.ts'
import type { Client } from '../../client/types.ts'
import type { RpcProgress } from '../../types.ts'
import type { Command, Invocation } from '../command.ts'
import { describeFailure, EXIT_PARTIAL, failureLine } from '../failure.ts'
import { Interrupted } from '../io.ts'
import { usage } from '../option-parser.ts'
import { ProgressLine } from '../progress-line.ts'
import { reportView } from '../views/imports.ts'
import { oneLine } from '../views/text.ts'

type Import = Result<'capture.import'>
type Wait = NonNullable<ParamsInput<'capture.import'>['wait']>

const WAITS: readonly Wait[] = ['queued', 'stored', 'indexed']
/** How long the node may take to say where an interrupted import stands. */
const LAST_LOOK_MS = 2_000

export const importFiles: Command = {
  usage: 'FILE…',
  options: {
    provider: { type: 'text', value: 'NAME', help: 'what the file is, if it does not say so itself' },
    wait: { type: 'text', value: 'STAGE', help: 'return when queued, stored or indexed; default indexed' },
    again: { type: 'flag', help: 'import conversations although they were erased before' },
  },
  about: 'Ctrl-C stops the waiting, not the import.',
  async run(invocation) {
    const { words, print, signedIn } = invocation
    if (words.length === 0) throw usage('Say which file or folder to import.')
    const wait = waitOf(invocation)
    const client = await signedIn()
    const done: Import[] = []
    const failures: unknown[] = []
    for (const word of words) {
      try {
        done.push(await importOne(client, invocation, word, wait))
      } catch (error) {
        if (error instanceof Interrupted || words.length === 1) throw error
        failures.push(error)
        invocation.io.err(`${oneLine(word)}: ${failureLine(describeFailure(error))}`)
      }
    }
    if (done.length === 0) throw failures[0]
    const result = words.length === 1 ? done[0]! : { items: done }
    print(result, (style) => done.map((item) => view(item, style)).join(''))
    return failures.length > 0 ? EXIT_PARTIAL : Math.max(...done.map(exitOf))
  },
}

function waitOf({ options }: Invocation): Wait {
  const wait = WAITS.find((stage) => stage === (options.wait ?? 'indexed'))
  if (wait === undefined) throw usage('--wait takes queued, stored or indexed.')
  return wait
}

async function importOne(client: Client, invocation: Invocation, word: string, wait: Wait): Promise<Import> {
  const { io, options, cwd } = invocation
  const line = new ProgressLine(io, io.errIsTerminal && !options.json && !options.quiet, oneLine(word))
  const abort = new AbortController()
  let last: RpcProgress | undefined
  const ignore = io.onInterrupt(() => abort.abort(new Interrupted()))
  try {
    return await client.call(
      'capture.import',
      {
        path: resolve(cwd, word),
        wait,
        ...(options.provider === undefined ? {} : { provider: String(options.provider) }),
        ...(options.again ? { again: true } : {}),
      },
      {
        signal: abort.signal,
        onProgress: (progress) => {
          last = progress
          line.show(progress)
        },
      },
    )
  } catch (error) {
    if (error instanceof Interrupted) throw await interrupted(client, last?.jobId)
    throw error
  } finally {
    ignore()
    line.clear()
  }
}

/** Says how the import stands, from the node: what it does after the waiting ended is its own affair. */
async function interrupted(client: Client, jobId: string | undefined): Promise<Interrupted> {
  if (jobId === undefined) return new Interrupted('Interrupted before the import began.')
  const job = await client.call('capture.jobs.get', { jobId }, { timeoutMs: LAST_LOOK_MS }).catch((error) => {
    if (error instanceof VivimError) return undefined
    throw error
  })
  if (job === undefined)
    return new Interrupted(`Stopped waiting. \`vivimd jobs get ${jobId}\` shows the import.`)
  const goesOn = job.state === 'queued' || job.state === 'running'
  const next = goesOn
    ? `The import goes on: \`vivimd jobs get ${jobId}\` shows it, \`vivimd jobs cancel ${jobId}\` ends it.`
    : `The import is ${job.state}: \`vivimd jobs get ${jobId}\` shows it.`
  return new Interrupted(`Stopped waiting. ${next}`)
}

function view({ jobId, report }: Import, style: Parameters<typeof reportView>[1]): string {
  return report === undefined ? `Queued: vivimd jobs get ${jobId}\n` : reportView(report, style)
}

function exitOf({ report }: Import): number {
  if (report?.state === 'failed') return 1
  return report !== undefined && report.conversations.failed > 0 ? EXIT_PARTIAL : 0
}
