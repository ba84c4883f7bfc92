import { createHash } from 'node:crypto'

/**
 * The sample conversations are written as text, so that people can read and edit them:
 *
 *     title: …
 *     start: 2026-01-10T08:12:00Z
 *     ---
 *     === <kind> [word …] [#name] [after #name | after #name.parent] [+7d | +2h]
 *     body, Markdown as the provider stores it
 *
 * A turn follows the one above it unless `after` says otherwise, so siblings are branches: a second answer to one
 * question, or an edited question. The last turn of the file is the one the provider shows.
 */
export interface ChatText {
  title: string
  startMs: number
  model: string
  turns: Turn[]
}

export interface Turn {
  /** What stands after `===`: `user`, `assistant`, `call`, … */
  kind: string
  words: string[]
  /** Index of the turn it follows; -1 for the first. */
  parent: number
  atMs: number
  body: string
  uuid: string
}

const DAY = 86_400_000
const HOUR = 3_600_000

export function parseChatText(text: string): ChatText {
  const [head = '', ...rest] = text.split(/^---$/m)
  const fields = new Map(
    head
      .trim()
      .split('\n')
      .map((line): [string, string] => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1).trim()]
      }),
  )
  const title = fields.get('title')
  const startMs = Date.parse(fields.get('start') ?? '')
  if (!title || Number.isNaN(startMs)) throw new Error('a sample needs a title and a start')
  const blocks = rest.join('---').split(/^=== /m).slice(1)
  return { title, startMs, model: fields.get('model') ?? '', turns: parseTurns(title, startMs, blocks) }
}

function parseTurns(title: string, startMs: number, blocks: readonly string[]): Turn[] {
  const names = new Map<string, number>()
  const turns: Turn[] = []
  let atMs = startMs
  for (const [index, block] of blocks.entries()) {
    const lineEnd = block.indexOf('\n')
    const [kind = '', ...words] = block.slice(0, lineEnd).trim().split(' ')
    const body = block.slice(lineEnd + 1).trim()
    const name = words.find((word, at) => word.startsWith('#') && words[at - 1] !== 'after')
    if (name) names.set(name, index)
    // Reading and typing takes a while: 20 s and what the text is long.
    atMs += 20_000 + body.length * 40 + pauseOf(words)
    turns.push({
      kind,
      words,
      parent: parentOf(words, index, names, turns),
      atMs,
      body,
      uuid: uuidOf(title, index),
    })
  }
  return turns
}

function pauseOf(words: readonly string[]): number {
  const pause = words.find((word) => /^\+\d+[dh]$/.test(word))
  if (!pause) return 0
  return Number.parseInt(pause, 10) * (pause.endsWith('d') ? DAY : HOUR)
}

function parentOf(
  words: readonly string[],
  index: number,
  names: Map<string, number>,
  turns: Turn[],
): number {
  const after = words.indexOf('after')
  if (after === -1) return index - 1
  const [name = '', of] = (words[after + 1] ?? '').split('.')
  const target = names.get(name)
  if (target === undefined) throw new Error(`no turn is called ${name}`)
  return of === 'parent' || words.includes('edited') ? turns[target]!.parent : target
}

/** The same id at every run, in the form providers use. */
export function uuidOf(...parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(parts.join('\n')).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
