import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { type SeededRandom, seededRandom } from './seed.ts'

export interface GeneratedExport {
  readonly conversations: number
  /** Nodes that carry a message, hidden ones and branches included. */
  readonly messages: number
  readonly bytes: number
}

/**
 * Writes a ChatGPT `conversations.json` of about this size, conversation by conversation: trees with regenerated
 * answers and edited questions, hidden system nodes, custom instructions, code, tool calls, thoughts and lists.
 * The same seed writes the same bytes.
 */
export async function generateExport(
  path: string,
  { bytes, seed }: { bytes: number; seed: string },
): Promise<GeneratedExport> {
  const random = seededRandom(seed)
  const file = createWriteStream(path)
  let written = 0
  let conversations = 0
  let messages = 0
  const write = async (text: string) => {
    written += Buffer.byteLength(text)
    if (!file.write(text)) await once(file, 'drain')
  }
  await write('[')
  while (written < bytes || conversations === 0) {
    const conversation = madeConversation(random, conversations)
    messages += Object.values(conversation.mapping).filter(({ message }) => message !== null).length
    await write(`${conversations === 0 ? '' : ', '}${JSON.stringify(conversation)}`)
    conversations++
  }
  await write(']')
  file.end()
  await once(file, 'close')
  return { conversations, messages, bytes: written }
}

interface Node {
  id: string
  message: object | null
  parent: string | null
  children: string[]
}

const DAY = 86_400
const START = Date.UTC(2024, 0, 1) / 1_000

function madeConversation(random: SeededRandom, number: number) {
  const id = uuid(random)
  const model = random.pick(['gpt-4o', 'gpt-5', 'o3'])
  const start = START + number * 900 + random.integer(DAY) + random.next()
  const mapping: Record<string, Node> = {}
  let time = start
  let leaf: string | null = null

  const add = (parent: string | null, message: object | null): string => {
    const key = uuid(random)
    mapping[key] = { id: key, message: message && { id: key, ...message }, parent, children: [] }
    if (parent !== null) mapping[parent]!.children.push(key)
    return key
  }
  const say = (role: string, content: object, more: object = {}): string => {
    time += 5 + random.integer(120) + random.next()
    leaf = add(leaf, {
      author: { role, name: null, metadata: {} },
      create_time: time,
      update_time: null,
      content,
      status: 'finished_successfully',
      end_turn: role === 'assistant' ? true : null,
      weight: 1,
      metadata:
        role === 'assistant' ? { model_slug: model, parent_id: leaf, turn_exchange_id: uuid(random) } : {},
      recipient: 'all',
      channel: null,
      ...more,
    })
    return leaf
  }

  leaf = add(null, null)
  const hidden = { metadata: { is_visually_hidden_from_conversation: true }, create_time: null }
  say('system', { content_type: 'text', parts: [''] }, { ...hidden, weight: 0 })
  if (random.next() < 0.3)
    say(
      'user',
      {
        content_type: 'user_editable_context',
        user_profile: 'Likes short answers.',
        user_instructions: sentence(random),
      },
      hidden,
    )
  const turns = 3 + random.integer(14)
  for (let turn = 0; turn < turns; turn++) {
    if (random.next() < 0.08) {
      const before: string | null = leaf
      say('user', words(`${sentence(random)} (first try)`))
      leaf = before
    }
    say('user', words(Array.from({ length: 1 + random.integer(3) }, () => sentence(random)).join(' ')))
    if (random.next() < 0.1) {
      const question: string | null = leaf
      say('assistant', words(answer(random)))
      leaf = question
    }
    if (random.next() < 0.1)
      say('assistant', {
        content_type: 'thoughts',
        thoughts: [{ summary: 'Thinking', content: sentence(random), chunks: [] }],
      })
    if (random.next() < 0.08) {
      say(
        'assistant',
        { content_type: 'code', language: 'python', text: code(random) },
        { recipient: 'python' },
      )
      say(
        'tool',
        { content_type: 'execution_output', text: `${random.integer(1e6)}` },
        { author: { role: 'tool', name: 'python', metadata: {} } },
      )
    }
    say('assistant', words(answer(random)))
  }
  return {
    title: `${random.pick(SUBJECTS)} and ${random.pick(SUBJECTS)}, ${random.integer(1e5)}`,
    create_time: start,
    update_time: time,
    mapping,
    moderation_results: [],
    current_node: leaf,
    conversation_id: id,
    default_model_slug: model,
    is_archived: false,
    id,
  }
}

function words(content: string) {
  return { content_type: 'text', parts: [content] }
}

const SUBJECTS =
  'Bread|The oven|The database|An index|The garden|A tomato|The train to Lisbon|The inverter|German grammar|The battery|The budget|A backup|The parser|The migration|The letter|Knee pain'.split(
    '|',
  )
const VERBS =
  'needs|improves|replaces|explains|measures|breaks|fixes|follows|compares with|checks|moves|depends on|contradicts|costs more than|ends before'.split(
    '|',
  )
const OBJECTS =
  'the second plan|last year’s numbers|a smaller step|the north side of the house|every row of the table|the cold season|one more careful test|the older version|a quiet morning|the list of open questions|two of the three options|a signed contract'.split(
    '|',
  )
const REASONS =
  'because nobody measured it before|when the load is higher than expected|as long as the note stays short|unless the weather changes|so that both of us understand it|although it takes about forty minutes|and the result is easy to check'.split(
    '|',
  )

function sentence(random: SeededRandom): string {
  const number = random.integer(10_000)
  return `${random.pick(SUBJECTS)} ${random.pick(VERBS)} ${random.pick(OBJECTS)} ${random.pick(REASONS)}, item ${number}.`
}

function answer(random: SeededRandom): string {
  const blocks = Array.from({ length: 2 + random.integer(5) }, () => {
    const kind = random.next()
    if (kind < 0.15)
      return Array.from({ length: 3 + random.integer(4) }, () => `- ${sentence(random)}`).join('\n')
    if (kind < 0.3) return `\`\`\`ts\n${code(random)}\n\`\`\``
    if (kind < 0.36) return `## ${random.pick(SUBJECTS)}`
    return Array.from({ length: 2 + random.integer(4) }, () => sentence(random)).join(' ')
  })
  return blocks.join('\n\n')
}

function code(random: SeededRandom): string {
  const name = `value${random.integer(10_000)}`
  return `const ${name} = rows.filter((row) => row.id > ${random.integer(1e6)})\nfor (const row of ${name}) {\n  console.log(row.id, "${random.integer(1e6)}")\n}`
}

function uuid(random: SeededRandom): string {
  const hex = () =>
    Math.floor(random.next() * 2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const text = hex() + hex() + hex() + hex()
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(13, 16)}-a${text.slice(17, 20)}-${text.slice(20)}`
}
