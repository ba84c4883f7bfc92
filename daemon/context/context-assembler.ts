import type { ContextBundle, LayerName } from '../../schema/methods/context.ts'
import type { Params } from '../../schema/methods/index.ts'
import type { Vault } from '../vault/vault.ts'
import { allocate, grantRest, type LayerBudget } from './budget.ts'
import {
  itemsOf,
  MESSAGE_HEADING,
  PREAMBLE,
  prefixHash,
  sectionFrame,
  type Written,
  writeBundle,
} from './bundle-compiler.ts'
import { type Draft, EMPTY_DRAFT, groupText, type Line, lineText } from './bundle-lines.ts'
import { chooseEvidence } from './choose-evidence.ts'
import { arcLines, arcUnitRows, historyLine } from './conversation-lines.ts'
import { readOpenConversation } from './conversation-tail.ts'
import { type EvidenceLine, evidenceLines } from './evidence-lines.ts'
import { cutMessages, smallerDrafts } from './fit.ts'
import { layerDemands } from './layers.ts'
import type { Retriever } from './retriever.ts'
import { isWeak } from './search.ts'
import type { Titles } from './titles.ts'
import type { TokenSizes } from './token-sizes.ts'
import { topicCards } from './topic-cards.ts'

export const ENGINE_VERSION = 'context/1'

/** Under this room beside the message, headings and fences would take most of it. */
const SMALLEST_ROOM = 80
/** Characters read per token of budget: more than nearly any text holds, so that nothing that fits is left unread. */
const CHARACTERS_PER_TOKEN = 5
const CHARACTERS_READ = 4_000_000
const DROPPED_NAMED = 50
const QUOTED_LAYERS = ['L2', 'L4', 'L5', 'L6'] as const

/** Everything a bundle may draw from, found once; which of it enters depends on sizes. */
export interface Material {
  readonly request: Params<'context.compile'>
  readonly topics: readonly Line[]
  readonly arc: readonly Line[]
  /** Newest first. */
  readonly history: readonly Line[]
  readonly evidence: readonly EvidenceLine[]
  readonly messageCount: number
  readonly warnings: readonly string[]
  readonly dropped: ContextBundle['dropped']
}

export type Bundle = Omit<ContextBundle, 'epoch'>

/** Turns a request into a bundle: gathers what may be said, then chooses by budget and exact sizes. */
export class ContextAssembler {
  readonly #vault: Vault
  readonly #retriever: Retriever
  readonly #titles: Titles

  constructor(vault: Vault, retriever: Retriever, titles: Titles) {
    this.#vault = vault
    this.#retriever = retriever
    this.#titles = titles
  }

  /** Throws `NotFound` for a conversation that is not there. */
  gather(request: Params<'context.compile'>): Material {
    const { message, conversationId, maxTokens, maxSecurityLevel } = request
    const characters = Math.min(CHARACTERS_READ, maxTokens * CHARACTERS_PER_TOKEN)
    const conversation =
      conversationId === undefined ? undefined : readOpenConversation(this.#vault, conversationId, characters)
    const retrieval = this.#retriever.retrieve(message, { maxSecurityLevel })
    const dropped = new Dropped()
    for (const { id, reason } of retrieval.refused) dropped.add(id, reason)
    const history: Line[] = []
    for (const one of conversation?.tail ?? []) {
      const line = historyLine(conversation!, one, maxSecurityLevel, characters)
      if (line) history.push(line)
      else dropped.add(one.id, 'security')
    }
    let arc: Line[] = []
    if (conversation) {
      const { rows, answered } = arcUnitRows(this.#vault, conversation.id)
      arc = arcLines(conversation, this.#retriever.read(rows), answered, maxSecurityLevel)
    }
    const warnings: string[] = []
    const { saysLittle } = retrieval.query
    if (saysLittle) warnings.push('The message names nothing to look for.')
    else if (retrieval.hits.length === 0) warnings.push('Nothing in the vault matches the message.')
    else if (isWeak(retrieval))
      warnings.push('The evidence is weak: the best match shares little with the message.')
    return {
      request,
      topics: topicCards(retrieval, this.#titles, maxSecurityLevel),
      arc,
      history,
      evidence: saysLittle
        ? []
        : evidenceLines(retrieval, maxSecurityLevel, characters, (id, reason) => dropped.add(id, reason)),
      messageCount: conversation?.messageCount ?? 0,
      warnings,
      dropped: dropped.list,
    }
  }

  /** At most three rounds to the counter: sizes, the result, and smaller forms when that is still too long. */
  async fit(material: Material, sizes: TokenSizes): Promise<Bundle> {
    const { message, maxTokens, tokenizer } = material.request
    const sizeOf = await sizes.of(textsToSize(material), tokenizer)
    const choice = choose(material, sizeOf)
    const cut = sizeOf(message) > maxTokens
    const first = cut ? cutMessages(message, sizeOf(message), maxTokens).map(onlyMessage) : [choice.draft]
    const fitting =
      (await firstFitting(first, maxTokens, sizes, tokenizer)) ??
      (await firstFitting(
        [
          ...smallerDrafts(choice.draft),
          ...cutMessages(message, sizeOf(message), maxTokens).map(onlyMessage),
        ],
        maxTokens,
        sizes,
        tokenizer,
      ))
    const { draft, written, tokens } = fitting!
    const warnings = [...material.warnings]
    if (draft.message !== message)
      warnings.push(
        draft.message === ''
          ? 'The budget is too small for any of the message.'
          : 'The message was cut to fit the budget.',
      )
    else if (choice.tooSmall) warnings.push('The budget leaves no room for context beside the message.')
    const dropped = new Dropped(material.dropped)
    for (const id of choice.dropped.list) dropped.add(id.id, id.reason)
    const kept = new Set(draft.evidence)
    for (const line of choice.draft.evidence) if (!kept.has(line)) dropped.add(line.source!.id, 'budget')
    const budgets = new Map(choice.budgets.map((one) => [one.layer, one.tokens]))
    return {
      text: written.text,
      tokens,
      maxTokens,
      tokenizer,
      layers: layerSizes(draft, tokens, sizeOf).map((one) => ({
        ...one,
        budget: budgets.get(one.layer) ?? 0,
      })),
      items: itemsOf(written, (line) => sizeOf(lineText(line))),
      dropped: dropped.list,
      warnings,
      prefixHash: prefixHash(written),
      engineVersion: ENGINE_VERSION,
    }
  }
}

interface Choice {
  readonly draft: Draft
  readonly budgets: readonly LayerBudget[]
  readonly dropped: Dropped
  readonly tooSmall: boolean
}

/** Which lines the budget has room for, by the sizes of single lines. */
function choose(material: Material, sizeOf: (text: string) => number): Choice {
  const { request, topics, arc, history, evidence } = material
  const { message, maxTokens } = request
  const dropped = new Dropped()
  const room = maxTokens - sizeOf(message)
  const nothing = topics.length + arc.length + history.length + evidence.length === 0
  if (room < SMALLEST_ROOM || nothing) {
    const tokens = Math.min(maxTokens, sizeOf(message))
    return { draft: onlyMessage(message), budgets: [{ layer: 'L7', tokens }], dropped, tooSmall: !nothing }
  }
  const frame = (layer: LayerName) => sizeOf(sectionFrame(layer))
  const linesSize = (lines: readonly Line[]) => lines.reduce((sum, line) => sum + sizeOf(lineText(line)), 0)
  const groupsSize = [...new Set(evidence.map(({ group }) => group))].reduce(
    (sum, group) => sum + sizeOf(groupText(group)),
    0,
  )
  const withFrame = (layer: LayerName, lines: readonly Line[], groups = 0) =>
    lines.length === 0 ? 0 : frame(layer) + linesSize(lines) + groups
  const budget = maxTokens - sizeOf(PREAMBLE)
  const demands = layerDemands(budget, {
    topics: topics.length,
    entities: 0,
    messages: material.messageCount,
    active: arc.length > 0,
    available: {
      L2: withFrame('L2', topics),
      L4: withFrame('L4', arc),
      L5: withFrame(
        'L5',
        evidence.map(({ whole }) => whole),
        groupsSize,
      ),
      L6: withFrame('L6', history),
      L7: sizeOf(message) + sizeOf(MESSAGE_HEADING),
    },
  })
  const budgets = new Map(
    grantRest(budget, allocate(budget, demands), demands, ['L5', 'L6']).map(({ layer, tokens }) => [
      layer,
      tokens,
    ]),
  )
  /** Takes lines from the first on while they fit; the room of those that do not goes to the evidence. */
  const take = (layer: LayerName, lines: readonly Line[]): Line[] => {
    let left = (budgets.get(layer) ?? 0) - frame(layer)
    const taken: Line[] = []
    for (const line of lines) {
      const size = sizeOf(lineText(line))
      if (size > left) {
        if (line.source) dropped.add(line.source.id, 'budget')
        break
      }
      left -= size
      taken.push(line)
    }
    const used = taken.length === 0 ? 0 : (budgets.get(layer) ?? 0) - left
    budgets.set('L5', (budgets.get('L5') ?? 0) + (budgets.get(layer) ?? 0) - used)
    budgets.set(layer, used)
    return taken
  }
  const chosen = { topics: take('L2', topics), arc: take('L4', arc), history: take('L6', history).reverse() }
  const inHistory = new Set(chosen.history.map(({ source }) => source!.id))
  const others = evidence.filter(({ hit }) => {
    if (!inHistory.has(hit.place.messageId)) return true
    dropped.add(hit.unit.id, 'duplicate')
    return false
  })
  const lines = chooseEvidence(others, (budgets.get('L5') ?? 0) - frame('L5'), sizeOf, (id) =>
    dropped.add(id, 'budget'),
  )
  return {
    draft: { ...chosen, evidence: lines, message },
    budgets: [...budgets].map(([layer, tokens]) => ({ layer, tokens })),
    dropped,
    tooSmall: false,
  }
}

function textsToSize({ request, topics, arc, history, evidence }: Material): string[] {
  return [
    request.message,
    PREAMBLE,
    MESSAGE_HEADING,
    ...QUOTED_LAYERS.map(sectionFrame),
    ...[...topics, ...arc, ...history].map(lineText),
    ...evidence.flatMap(({ whole, short, group }) => [
      lineText(whole),
      ...(short ? [lineText(short)] : []),
      groupText(group),
    ]),
  ]
}

interface Fitting {
  readonly draft: Draft
  readonly written: Written
  readonly tokens: number
}

/** The first draft whose text, counted as a whole, is within the budget. */
async function firstFitting(
  drafts: readonly Draft[],
  maxTokens: number,
  sizes: TokenSizes,
  tokenizer: Params<'context.compile'>['tokenizer'],
): Promise<Fitting | undefined> {
  const all = drafts.map((draft) => ({ draft, written: writeBundle(draft) }))
  const sizeOf = await sizes.of(
    all.map(({ written }) => written.text),
    tokenizer,
  )
  const found = all.find(({ written }) => sizeOf(written.text) <= maxTokens)
  return found && { ...found, tokens: sizeOf(found.written.text) }
}

/**
 * Tokens by layer, in order. Tokens may span two lines, so single lines do not add up to the whole: the largest layer
 * takes the difference.
 */
function layerSizes(
  draft: Draft,
  tokens: number,
  sizeOf: (text: string) => number,
): { layer: LayerName; tokens: number }[] {
  const linesSize = (lines: readonly Line[]) => {
    const groups = new Set(lines.map(({ group }) => group).filter((group) => group !== ''))
    return (
      lines.reduce((sum, line) => sum + sizeOf(lineText(line)), 0) +
      [...groups].reduce((sum, group) => sum + sizeOf(groupText(group)), 0)
    )
  }
  const parts = { L2: draft.topics, L4: draft.arc, L5: draft.evidence, L6: draft.history }
  const layers = QUOTED_LAYERS.filter((layer) => parts[layer].length > 0).map(
    (layer): LayerBudget => ({
      layer,
      tokens: sizeOf(sectionFrame(layer)) + linesSize(parts[layer]),
    }),
  )
  if (layers.length === 0) return draft.message === '' ? [] : [{ layer: 'L7', tokens }]
  const all: { layer: LayerName; tokens: number }[] = layers.map((one) => ({ ...one }))
  if (draft.message !== '') all.push({ layer: 'L7', tokens: sizeOf(draft.message) + sizeOf(MESSAGE_HEADING) })
  const difference = tokens - sizeOf(PREAMBLE) - all.reduce((sum, one) => sum + one.tokens, 0)
  const largest = all.reduce((most, one) => (one.tokens > most.tokens ? one : most))
  largest.tokens = Math.max(0, largest.tokens + difference)
  return all
}

function onlyMessage(message: string): Draft {
  return { ...EMPTY_DRAFT, message }
}

/** What was left out and why, each once, and no more names than anybody reads. */
class Dropped {
  readonly list: { id: string; reason: string }[]
  readonly #ids: Set<string>

  constructor(list: readonly { id: string; reason: string }[] = []) {
    this.list = [...list]
    this.#ids = new Set(list.map(({ id }) => id))
  }

  add(id: string, reason: string): void {
    if (this.list.length >= DROPPED_NAMED || this.#ids.has(id)) return
    this.#ids.add(id)
    this.list.push({ id, reason })
  }
}
