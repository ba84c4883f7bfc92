import { hashOf } from '../../../crdt/hash.ts'
import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import type { ParsedGroup } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** One entry of the activity log, from either form of it. */
export interface Activity {
  /** The first word of the entry, and what follows it. */
  readonly title: string
  /** Milliseconds UTC. */
  readonly at: number | undefined
  /** Pieces of the answer, as Markdown. */
  readonly answers: readonly string[]
  readonly files: readonly { readonly name: string; readonly isImage: boolean }[]
  /** Of the conversation, where the entry links to it. */
  readonly appId: string | undefined
  readonly raw: Uint8Array
}

/** Entries this far apart belong to different conversations; those of different days (UTC) always. */
const GAP_MS = 30 * 60_000
const DAY_MS = 86_400_000
const ASKED = /^(?:Prompted|Branched|Answered|Asked|Said)(?:[\s\u00a0]+|$)/
const NOT_ASKED =
  /^(?:Created|Used|Gave|Added|Selected|Viewed|Visited|Deleted|Shared|Enabled|Disabled)(?:[\s\u00a0]|$)/

/** Conversations of an activity log, which names none: by the address an entry links to, else by time. */
export function activityConversations(activities: readonly Activity[]): ParsedGroup[] {
  const groups: ParsedGroup[] = []
  const skipped = activities.filter((each) => !isTurn(each))
  const turns = activities.filter(isTurn)
  for (const turn of [...byAddress(turns), ...byTime(turns.filter(({ appId }) => appId === undefined))])
    groups.push(conversation(turn))
  if (skipped.length > 0)
    groups.push({
      parsed: { conversations: [], skipped: skipped.map(reasonOf), notes: [] },
      raw: skipped.map(({ raw }) => raw),
    })
  return groups
}

/** In other languages the word differs: what has an answer was asked. */
function isTurn({ title, answers, files }: Activity): boolean {
  if (NOT_ASKED.test(title)) return false
  const asked = title.replace(ASKED, '').trim() !== ''
  return ASKED.test(title) ? asked || files.length > 0 || answers.length > 0 : answers.length > 0
}

function reasonOf({ title }: Activity): string {
  return ASKED.test(title) ? 'a prompt without words' : 'an activity that is no conversation'
}

function byAddress(turns: readonly Activity[]): Activity[][] {
  const groups = new Map<string, Activity[]>()
  for (const turn of turns) {
    if (turn.appId === undefined) continue
    const group = groups.get(turn.appId)
    if (group) group.push(turn)
    else groups.set(turn.appId, [turn])
  }
  return [...groups.values()].map(inOrder)
}

function byTime(turns: readonly Activity[]): Activity[][] {
  const groups: Activity[][] = []
  let before: number | undefined
  for (const turn of inOrder(turns)) {
    const at = turn.at ?? 0
    const group = groups.at(-1)
    const isNear =
      before !== undefined && at - before <= GAP_MS && Math.floor(at / DAY_MS) === Math.floor(before / DAY_MS)
    if (group && isNear) group.push(turn)
    else groups.push([turn])
    before = at
  }
  return groups
}

/** The log begins with the newest; entries of one second keep their places, turned round. */
function inOrder(turns: readonly Activity[]): Activity[] {
  return [...turns].reverse().sort((a, b) => second(a) - second(b))
}

function conversation(turns: readonly Activity[]): ParsedGroup {
  const [first] = turns
  const names = new Map<string, number>()
  const messages = turns.flatMap((turn): CaptureMessage[] => {
    const name = nameOf(turn)
    const count = names.get(name) ?? 0
    names.set(name, count + 1)
    const id = count === 0 ? name : `${name}.${count}`
    return [question(id, turn), ...(turn.answers.length > 0 ? [answer(id, turn)] : [])]
  })
  const parsed = conversationOf({
    provider: 'gemini',
    originalId: first!.appId ?? nameOf(first!),
    sourceUrl: first!.appId === undefined ? undefined : `https://gemini.google.com/app/${first!.appId}`,
    title: titleFrom(messages),
    messages,
    notes: first!.appId === undefined ? ['conversations put together by time: the log names none'] : [],
  })
  return { parsed, raw: turns.map(({ raw }) => raw) }
}

function question(id: string, { title, at, files }: Activity): CaptureMessage {
  const words = title.replace(ASKED, '')
  const parts: Part[] = [
    ...textParts(words),
    ...files.map(({ name, isImage }) => partOf(isImage ? 'image' : 'file', '', { name })),
  ]
  return messageOf({ id, role: 'user', parts, at: wholeSecond(at), metadata: { timePrecision: 's' } })
}

/** Several pieces of an answer are one answer. */
function answer(id: string, { answers, at }: Activity): CaptureMessage {
  return messageOf({
    id: `${id}/answer`,
    role: 'assistant',
    parts: answers.flatMap((each) => textParts(each)),
    at: wholeSecond(at),
    metadata: { timePrecision: 's' },
  })
}

/** The same from both forms of the log: one has milliseconds and words before their formatting, the other has not. */
function nameOf(turn: Activity): string {
  const words = turn.title
    .replace(ASKED, '')
    .replace(/[\s\u00a0]+/g, ' ')
    .trim()
  const hash = Buffer.from(hashOf(['vivim/takeout/1', words]))
    .toString('hex')
    .slice(0, 16)
  return `${second(turn)}-${hash}`
}

function second({ at }: Activity): number {
  return Math.floor((at ?? 0) / 1_000)
}

function wholeSecond(at: number | undefined): number | undefined {
  return at === undefined ? undefined : Math.floor(at / 1_000) * 1_000
}

/** The id in an address such as `https://gemini.google.com/app/0123abc`. */
export function appIdIn(address: unknown): string | undefined {
  if (typeof address !== 'string' || address.length > 4_000) return undefined
  return /^https:\/\/gemini\.google\.com\/(?:u\/\d+\/)?app\/([\w-]{6,100})(?:[?#]|$)/.exec(address)?.[1]
}

export function isImageName(name: string): boolean {
  return /\.(?:png|jpe?g|gif|webp|heic|bmp|svg)$/i.test(name)
}
