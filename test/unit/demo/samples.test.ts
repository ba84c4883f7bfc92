import { describe, expect, it } from 'vitest'
import { parseChatText } from '../../demo/samples/chat-text.ts'
import { chatgptConversation } from '../../demo/samples/chatgpt-export.ts'
import { claudeConversation } from '../../demo/samples/claude-export.ts'
import { readSamples } from '../../demo/samples/pack.ts'

interface Node {
  id: string
  message: {
    content: { content_type: string }
    author: { role: string }
    weight: number
    recipient: string
  } | null
  parent: string | null
  children: string[]
}

const chatgpt = readSamples('chatgpt')
const claude = readSamples('claude')

describe('sample conversations', () => {
  it('are many, over half a year, in two languages', () => {
    const all = [...chatgpt, ...claude]
    expect(chatgpt).toHaveLength(15)
    expect(claude).toHaveLength(9)
    for (const chat of all) expect(chat.turns.length, chat.title).toBeGreaterThanOrEqual(8)
    const starts = all.map(({ startMs }) => startMs)
    expect(Math.max(...starts) - Math.min(...starts)).toBeGreaterThan(140 * 86_400_000)
    expect(new Set(all.flatMap(({ turns }) => turns.map(({ uuid }) => uuid))).size).toBe(
      all.reduce((sum, { turns }) => sum + turns.length, 0),
    )
  })

  it('hold code with blank lines inside', () => {
    const fences = [...chatgpt, ...claude].flatMap(({ turns }) =>
      turns.flatMap(({ body }) => [...body.matchAll(/```\w+\n([\s\S]*?)```/g)].map((match) => match[1]!)),
    )
    expect(fences.filter((code) => code.includes('\n\n')).length).toBeGreaterThanOrEqual(10)
  })
})

describe('ChatGPT shapes', () => {
  it.each(chatgpt.map((chat) => [chat.title, chat] as const))(
    '"%s" is a tree whose current node is a leaf',
    (_, chat) => {
      const { mapping, current_node } = chatgptConversation(chat) as {
        mapping: Record<string, Node>
        current_node: string
      }
      const nodes = Object.values(mapping)
      const roots = nodes.filter(({ parent }) => parent === null)
      expect(roots).toHaveLength(1)
      expect(roots[0]!.message).toBeNull()
      for (const node of nodes) {
        for (const child of node.children) expect(mapping[child]!.parent).toBe(node.id)
        if (node.parent) expect(mapping[node.parent]!.children).toContain(node.id)
      }
      expect(mapping[current_node]!.children).toEqual([])
      let steps = 0
      for (let at: string | null = current_node; at; at = mapping[at]!.parent) steps += 1
      expect(steps).toBeGreaterThan(7)
    },
  )

  it('cover the content types, regenerated answers and edited questions', () => {
    const nodes = chatgpt.flatMap((chat) =>
      Object.values((chatgptConversation(chat) as { mapping: Record<string, Node> }).mapping),
    )
    const types = new Set(nodes.map(({ message }) => message?.content.content_type))
    for (const type of [
      'text',
      'code',
      'execution_output',
      'multimodal_text',
      'thoughts',
      'reasoning_recap',
      'user_editable_context',
      'tether_browsing_display',
    ])
      expect(types).toContain(type)
    const byId = new Map(nodes.map((node) => [node.id, node]))
    const forks = nodes.filter(({ children }) => children.length > 1)
    const rolesOfForks = forks.map(({ children }) => byId.get(children[1]!)!.message!.author.role)
    expect(rolesOfForks).toContain('user')
    expect(rolesOfForks).toContain('assistant')
    expect(nodes.some(({ message }) => message?.weight === 0)).toBe(true)
    expect(nodes.some(({ message }) => message?.recipient === 'python')).toBe(true)
  })
})

describe('Claude shapes', () => {
  it('cover blocks, attachments, branches and the junk in `text`', () => {
    const messages = claude.flatMap(
      (chat) => (claudeConversation(chat, 'account') as { chat_messages: ClaudeMessage[] }).chat_messages,
    )
    const types = new Set(messages.flatMap(({ content }) => content.map(({ type }) => type)))
    expect([...types].sort()).toEqual(['text', 'thinking', 'tool_result', 'tool_use'])
    expect(messages.flatMap(({ attachments }) => attachments).length).toBeGreaterThan(1)
    expect(messages.some(({ text }) => text.includes('This block is not supported'))).toBe(true)
    const parents = messages
      .map(({ parent_message_uuid: parent }) => parent)
      .filter((parent) => !parent.startsWith('0000'))
    expect(new Set(parents).size).toBeLessThan(parents.length)
  })
})

interface ClaudeMessage {
  text: string
  content: { type: string }[]
  attachments: unknown[]
  parent_message_uuid: string
}

describe('the text form', () => {
  it('refuses a turn after a name that does not exist', () => {
    expect(() =>
      parseChatText('title: a\nstart: 2026-01-01T00:00:00Z\n---\n=== user after #nobody\nhi'),
    ).toThrow('#nobody')
  })
})
