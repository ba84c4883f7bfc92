import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { planExport } from '../../daemon/capture/export-plan.ts'
import { type ExportItem, readExport } from '../../daemon/capture/export-reader.ts'
import { captureConversation } from '../../daemon/capture/pipeline.ts'
import { openSource } from '../../daemon/capture/sources/open-source.ts'
import { loadConversation } from '../../daemon/vault/conversation-reader.ts'
import { CaptureConversation } from '../../schema/capture.ts'
import { describeShared } from '../support/shared.ts'
import { temporaryVault } from '../support/temporary-vault.ts'

interface Expected {
  readonly provider: string
  readonly title: string
  readonly originalId: string
  readonly sourceUrl: string | null
  readonly createdAt: number
  readonly updatedAt: number
  /** [provider's id, place of its parent, role, time, hidden, branch, parts as `type: beginning`] in order. */
  readonly messages: readonly (readonly [
    string,
    number | null,
    string,
    number,
    boolean,
    number,
    readonly string[],
  ])[]
}

const T0 = 1_784_164_500_000

const NATIVE: Expected = {
  provider: 'chatgpt',
  title: 'Privacy-safe ChatGPT native fixture',
  originalId: 'chatgpt-fixture-conversation',
  sourceUrl: null,
  createdAt: T0,
  updatedAt: 1_784_169_740_000,
  messages: [
    [
      'context-message',
      null,
      'system',
      T0,
      true,
      0,
      ['text: Privacy-safe fixture profile.', 'text: Preserve structured'],
    ],
    [
      'user-message',
      0,
      'user',
      T0 + 40_000,
      false,
      0,
      ['text: Analyze the attached', 'image: file-service://fixture-input-image', 'file: '],
    ],
    ['answer-inactive-message', 1, 'assistant', T0 + 42_000, false, 1, ['text: Superseded answer.']],
    [
      'thought-active-message',
      1,
      'assistant',
      T0 + 44_946,
      false,
      0,
      ['thought: Privacy-safe reasoning trace.'],
    ],
    ['tool-call-message', 3, 'assistant', T0 + 45_000, false, 0, ['tool_call: {"query":"fixture evidence"}']],
    ['tool-result-message', 4, 'tool', T0 + 46_000, false, 0, ['tool_result: Privacy-safe tool result.']],
    [
      'recap-active-message',
      5,
      'assistant',
      1_784_169_732_588,
      false,
      0,
      ['thought: Privacy-safe reasoning summary.'],
    ],
    [
      'answer-active-message',
      6,
      'assistant',
      1_784_169_733_000,
      false,
      0,
      ['text: Final answer. [Download artifact]', 'image: file-service://fixture-output-image'],
    ],
  ],
}

const matrix = (
  provider: string,
  originalId: string,
  id: string,
  at: number,
  fields: Partial<Expected> = {},
): Expected => ({
  provider,
  title: 'Origin capability matrix',
  originalId,
  sourceUrl: null,
  createdAt: at,
  updatedAt: at,
  messages: [[id, null, 'user', at, false, 0, ['text: Prove the parser claim.']]],
  ...fields,
})

const TEN = Date.UTC(2026, 7, 1, 10)
const EXPECTED: Record<string, Expected> = {
  'chatgpt/polylogue__fixtures__chatgpt__native-conversation-v1.json': NATIVE,
  'chatgpt/polylogue__fixtures__chatgpt__native-browser-capture-v1.json': {
    ...NATIVE,
    sourceUrl: 'https://chatgpt.com/c/chatgpt-fixture-conversation',
  },
  'chatgpt/polylogue__fixtures__origin-capability__chatgpt-export.json': matrix(
    'chatgpt',
    'origin-matrix-chatgpt',
    'matrix-message',
    TEN,
  ),
  'claude-ai/polylogue__fixtures__origin-capability__claude-ai-export.json': matrix(
    'claude',
    'origin-matrix-claude-ai',
    'message-1',
    TEN + 1_000,
    {
      createdAt: TEN,
      updatedAt: TEN + 2_000,
    },
  ),
  'claude-ai/polylogue__fixtures__origin-capability__claude-design-session.json': matrix(
    'claude',
    'origin-matrix-claude-design',
    'message-1',
    TEN + 1_000,
    { title: 'Polylogue' },
  ),
}

describeShared('exports of ChatGPT and Claude', 'exports', (folder) => {
  test('the table names every file there is', () => {
    const present = ['chatgpt', 'claude-ai'].flatMap((name) =>
      readdirSync(join(folder, name)).map((file) => `${name}/${file}`),
    )
    expect(present.sort()).toEqual(Object.keys(EXPECTED).sort())
  })

  test.each(Object.entries(EXPECTED))('%s', async (name, expected) => {
    using vaults = temporaryVault()
    const { vault } = vaults
    const source = await openSource({ path: join(folder, name) }, [])
    const items: ExportItem[] = []
    for await (const item of readExport(source, await planExport(source))) items.push(item)
    await source.close()
    expect(items).toMatchObject([{ kind: 'parsed', parsed: { skipped: [], notes: [] } }])
    const [item] = items
    if (item?.kind !== 'parsed') throw new Error('nothing was read')
    const [conversation] = item.parsed.conversations
    expect(CaptureConversation.safeParse(conversation).error).toBeUndefined()
    const capture = () =>
      vault.transact((tx) => captureConversation(tx, vault, conversation!, { again: false, capturedAt: 1 }))
    const stored = loadConversation(vault, capture().conversationId)!
    const { messages, ...head } = stored
    expect(head).toMatchObject({
      provider: expected.provider,
      title: expected.title,
      originalId: expected.originalId,
      sourceUrl: expected.sourceUrl,
      createdAt: expected.createdAt,
      updatedAt: expected.updatedAt,
    })
    const places = new Map(messages.map(({ id }, index) => [id, index]))
    expect(
      messages.map((message, at) => [
        message.originalId,
        message.parentId === null ? null : places.get(message.parentId),
        message.role,
        message.createdAt,
        message.hidden,
        message.branch,
        message.parts.map(({ type, content }, part) =>
          `${type}: ${content}`.slice(0, expected.messages[at]?.[6][part]?.length ?? 80),
        ),
      ]),
    ).toEqual(expected.messages)
    const operations = () => vault.get<{ n: number }>('SELECT count(*) AS n FROM sync_operations')!.n
    const before = operations()
    expect(capture().status).toBe('unchanged')
    expect(operations()).toBe(before)
  })
})

describeShared('exports of other vendors', 'exports', (folder) => {
  const others = ['claude-code', 'codex-cli', 'deepseek', 'gemini', 'grok', 'open-webui', 'other']
  const files = others.flatMap((name) => {
    try {
      return readdirSync(join(folder, name)).map((file) => join(folder, name, file))
    } catch {
      return []
    }
  })
  test.runIf(files.length > 0)('are told apart from ChatGPT and Claude: none is taken for one', async () => {
    for (const path of files) {
      const source = await openSource({ path }, [])
      const error = await planExport(source).then(
        (plan) => plan.provider.name,
        (thrown) => thrown,
      )
      await source.close()
      expect(error, path.slice(folder.length)).toMatchObject({ code: 'InvalidParams' })
    }
  })
})
