import { createWriteStream, readdirSync, readFileSync } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import yazl from 'yazl'
import { type ChatText, parseChatText, uuidOf } from './chat-text.ts'
import { chatgptConversation } from './chatgpt-export.ts'
import { claudeConversation } from './claude-export.ts'

/** Looks like a key and is none; put together here so that no scanner takes this repository for leaking one. */
export const FAKE_API_KEY = ['sk', 'proj', 'Tw9kQ2vLr7NdXc4HbYf8ZsMa3JgPe6UoIt5RxWqKmDzLhVnB'].join('-')
export const TEST_CARD = '4242 4242 4242 4242'
const EMAIL = 'mira.castellanos@example.org'

export type SampleProvider = 'chatgpt' | 'claude'

/** The sample conversations of one provider, in file order. */
export function readSamples(provider: SampleProvider): ChatText[] {
  const folder = new URL(`${provider}/`, import.meta.url)
  return readdirSync(folder)
    .filter((name) => name.endsWith('.chat.txt'))
    .sort()
    .map((name) => {
      const text = readFileSync(fileURLToPath(new URL(name, folder)), 'utf8')
      return parseChatText(text.replaceAll('{{fake-api-key}}', FAKE_API_KEY))
    })
}

/** Writes a ChatGPT export as its "Export data" mail delivers it today: conversations in shards, and a manifest. */
export async function packChatgpt(path: string): Promise<void> {
  const conversations = readSamples('chatgpt').map(chatgptConversation)
  const shards = [conversations.slice(0, 8), conversations.slice(8)].map((shard, index): [string, string] => [
    `conversations-00${index}.json`,
    JSON.stringify(shard),
  ])
  const files: [string, string][] = [
    ...shards,
    [
      'user.json',
      JSON.stringify({ id: 'user-example', email: EMAIL, chatgpt_plus_user: true, birth_year: 1987 }),
    ],
    ['chat.html', '<!doctype html><title>ChatGPT Data Export</title>'],
    ['message_feedback.json', '[]'],
  ]
  const manifest = {
    version: 1,
    manifest_file: 'export_manifest.json',
    export_files: files.map(([name, text]) => ({ path: name, size_bytes: Buffer.byteLength(text) })),
    logical_files: { 'conversations.json': { files: shards.map(([name]) => name), sharded: true } },
  }
  await zip(path, [...files, ['export_manifest.json', JSON.stringify(manifest)]])
}

/** Writes a Claude export as its "Export data" mail delivers it. */
export async function packClaude(path: string): Promise<void> {
  const account = uuidOf('account')
  const conversations = readSamples('claude').map((chat) => claudeConversation(chat, account))
  const user = {
    uuid: account,
    full_name: 'Mira Castellanos',
    email_address: EMAIL,
    verified_phone_number: null,
  }
  await zip(path, [
    ['conversations.json', JSON.stringify(conversations)],
    ['projects.json', '[]'],
    ['users.json', JSON.stringify([user])],
  ])
}

async function zip(path: string, files: readonly [string, string][]): Promise<void> {
  const archive = new yazl.ZipFile()
  const mtime = new Date('2026-06-07T09:00:00Z')
  for (const [name, text] of files) archive.addBuffer(Buffer.from(text), name, { mtime })
  archive.end()
  await pipeline(archive.outputStream, createWriteStream(path))
}
