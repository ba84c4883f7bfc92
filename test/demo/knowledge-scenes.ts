import { dirname, join } from 'node:path'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import { killDuringWrites } from './crash.ts'
import { expect } from './expect.ts'
import type { NodeUnderDemo } from './node-under-demo.ts'
import { FAKE_API_KEY, packChatgpt, packClaude, TEST_CARD } from './samples/pack.ts'
import { duration, type Stage } from './stage.ts'

export async function importExports(stage: Stage, node: NodeUnderDemo, client: Client): Promise<void> {
  stage.step('Two exports, as the providers send them by mail')
  const folder = dirname(node.home)
  const chatgpt = join(folder, 'chatgpt-export.zip')
  const claude = join(folder, 'claude-export.zip')
  await packChatgpt(chatgpt)
  await packClaude(claude)
  stage.typed(
    'desk',
    'vivimd import chatgpt-export.zip   (through the socket here, to show the progress it sends)',
  )
  const seen = new Set<string>()
  const { value, time } = await stage.timed(() =>
    client.call(
      'capture.import',
      { path: chatgpt, wait: 'indexed' },
      {
        onProgress: ({ done, total, stage: phase }) => {
          const line = `${phase}: ${done}${total === undefined ? '' : ` of ${total}`}`
          if (seen.has(line) || (done % 5 !== 0 && done !== total)) return
          seen.add(line)
          stage.said(line)
        },
      },
    ),
  )
  const report = value.report
  expect(
    report?.state === 'done' && report.conversations.created === 15,
    'the ChatGPT export was not imported whole',
  )
  stage.checked(
    `${report.conversations.created} conversations, ${report.messages} messages, ${report.units} units in ${time}`,
  )
  stage.typed('desk', 'vivimd import claude-export.zip')
  stage.said(await node.run('import', claude, '--wait', 'indexed'))
  stage.typed('desk', 'vivimd import chatgpt-export.zip   (once more)')
  const again = await client.call('capture.import', { path: chatgpt, wait: 'indexed' })
  expect(again.report?.conversations.unchanged === 15, 'importing twice changed something')
  stage.checked('imported twice: 15 unchanged, nothing doubled')
}

export async function showKnowledge(stage: Stage, node: NodeUnderDemo, client: Client): Promise<void> {
  stage.step('What the node made of them')
  const stats = await client.call('conversations.stats')
  expect(stats.conversations === 24 && stats.pending === 0, 'not every conversation is there and indexed')
  stage.said(
    `${stats.conversations} conversations, ${stats.messages} messages, ${stats.units} units, ${stats.topics} topics`,
  )
  stage.typed('desk', 'vivimd topics list --limit 8')
  stage.said(await node.run('topics', 'list', '--limit', '8'), 12)
  const { items: topics } = await client.call('topics.list', { limit: 50 })
  expect(
    topics.filter(({ conversationCount }) => conversationCount > 1).length >= 6,
    'fewer than six topics span conversations',
  )

  const { items: code } = await client.call('acus.list', { type: 'code_snippet', limit: 200 })
  const snippet =
    code.find(({ content }) => content.includes('\n\n') && content.includes('ROLLBACK')) ?? code[0]
  expect(snippet?.content.includes('\n\n') === true, 'code lost its blank lines')
  stage.typed('desk', 'vivimd acus list --type code_snippet   (one of them, whole)')
  stage.said(snippet.content, 8)
  stage.checked('code keeps its blank lines and is one unit')

  const fact = 'a healthy starter needs feeding every 12 hours'
  const { items: units } = await client.call('search.query', { query: fact, kinds: ['unit'] })
  const unit = units.find(({ text }) => text.includes(fact))
  expect(unit !== undefined, 'the fact about the starter was not found')
  const { occurrences } = await client.call('acus.get', { id: unit.id })
  const places = new Set(occurrences.map(({ conversationId }) => conversationId)).size
  expect(places === 2, `the shared fact occurs in ${places} conversations, not 2`)
  stage.checked(`one fact told by both assistants is one unit with ${occurrences.length} occurrences`)
}

export function showSealing(stage: Stage, node: NodeUnderDemo): void {
  stage.step('Secrets that were pasted into chats')
  const plain = byteSearch(node.home, 'knock the gauge API over', ['utf8'])
  expect(plain.length > 0, 'not even plain text was found: the search is blind')
  stage.said('ordinary text is plain in vault.db: use disk encryption for that')
  for (const [what, secret] of [
    ['the API key', FAKE_API_KEY],
    ['the card number', TEST_CARD],
  ] as const) {
    const found = byteSearch(node.home, secret)
    expect(found.length === 0, `${what} is readable in ${found[0]?.file}`)
    stage.checked(
      `${what} (${secret.slice(0, 7)}…) stands in no file of the node: sealed in the conversation, a marker in its text`,
    )
  }
}

export async function ask(stage: Stage, node: NodeUnderDemo, client: Client): Promise<void> {
  stage.step('Search, in both languages')
  for (const query of ['migration duplicate column user_version', 'Konjunktiv Vergangenheit hätte wäre']) {
    stage.typed('desk', `vivimd search "${query}" --kinds unit --limit 3`)
    stage.said(await node.run('search', query, '--kinds', 'unit', '--limit', '3'), 9)
  }

  stage.step('A question, answered with cited context')
  const question = 'Which solar battery quote did we sign, and what did it cost?'
  stage.typed('desk', `vivimd context "${question}" --max-tokens 600`)
  const bundle = await client.call('context.compile', { message: question, maxTokens: 600 })
  stage.said(bundle.text, 24)
  expect(bundle.tokens <= 600, `the bundle has ${bundle.tokens} tokens, more than 600`)
  expect(/10\.2 kWh/.test(bundle.text) && /7,480/.test(bundle.text), 'the answer is not in the context')
  const line = bundle.text
    .split('\n')
    .find((each) => each.startsWith('[c') && each.includes('10.2 kWh for 7,480'))
  const source = bundle.items.find(({ citation }) => line?.startsWith(citation))
  expect(source?.conversationId, 'the answer has no citation')
  const { title, messages } = await client.call('conversations.get', { id: source.conversationId, branch: 0 })
  const message = messages.find(({ id }) => id === source.messageId)
  expect(message, 'the cited message is not in the cited conversation')
  const day = new Date(source.date ?? 0).toISOString().slice(0, 10)
  stage.checked(
    `${source.citation} leads to its source: a message of the ${message.role}, ${day}, in "${title}"`,
  )
  stage.checked(`${bundle.tokens} of 600 tokens, ${bundle.items.length} cited items`)
}

export async function crash(stage: Stage, node: NodeUnderDemo, client: Client, did: string): Promise<Client> {
  stage.step('kill -9 in the middle of writing')
  const { pid } = node
  const before = await client.call('conversations.stats')
  const { acknowledged, cutOff } = await killDuringWrites(client, pid)
  await node.closeClients()
  stage.typed('desk', `kill -9 ${pid}`)
  stage.said(`${acknowledged.length} writes acknowledged, ${cutOff} cut off`)
  expect(cutOff > 0, 'nothing was under way when the process was killed')
  stage.typed('desk', 'vivimd start')
  const { readyMs } = await node.start()
  const after = await node.connect(did)
  for (const id of acknowledged) await after.call('conversations.get', { id })
  const stats = await after.call('conversations.stats')
  expect(
    stats.conversations >= before.conversations + acknowledged.length,
    'acknowledged conversations are missing',
  )
  const verified = await after.call('sync.verify')
  expect(verified.ok, `verification found ${verified.problems.length} problems`)
  stage.checked(
    `ready again in ${duration(readyMs)}; all ${acknowledged.length} acknowledged writes are there`,
  )
  stage.checked(`${verified.operations} signed operations verified, ${verified.rows} rows equal their fold`)
  return after
}
