import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { attachment } from '../../../daemon/capture/attachment-methods.ts'
import { captureConversation } from '../../../daemon/capture/pipeline.ts'
import { contentProblems } from '../../../daemon/users/content-problems.ts'
import { loadConversation } from '../../../daemon/vault/conversation-reader.ts'
import { rowsOfConversation } from '../../../daemon/vault/conversation-rows.ts'
import { forgetTraces } from '../../../daemon/vault/conversation-traces.ts'
import type { CaptureConversation } from '../../../schema/capture.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { importSession } from '../../support/import-session.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'
import { zipOf } from './hostile-zip.ts'

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const picture = randomBytes(700_000)
const voice = randomBytes(5_000)

const withPicture = (bytes: Uint8Array, words = 'Look'): CaptureConversation => ({
  format: 'vivim.capture/1',
  provider: 'app',
  originalId: 'a',
  messages: [
    {
      id: 'm',
      role: 'user',
      parts: [
        { type: 'text', content: words },
        {
          type: 'image',
          content: `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`,
          metadata: { name: 'a.png' },
        },
        {
          type: 'image',
          content: Buffer.from(bytes).toString('base64'),
          metadata: { encoding: 'base64', mediaType: 'image/png' },
        },
        { type: 'image', content: 'https://pictures.example/1.png' },
      ],
    },
  ],
})
const capture = (
  vaults: { vault: ReturnType<typeof temporaryVault>['vault'] },
  conversation: CaptureConversation,
) =>
  vaults.vault.transact((tx) =>
    captureConversation(tx, vaults.vault, conversation, {
      again: false,
      capturedAt: 1,
      raw: Buffer.from('{}'),
    }),
  )

describe('attachments', () => {
  test('bytes leave the text, are stored once for a message, and come back in pieces', () => {
    using vaults = temporaryVault()
    const { conversationId: id } = capture(vaults, withPicture(picture))
    const hash = hashOf(picture)
    const { parts } = loadConversation(vaults.vault, id)!.messages[0]!
    expect(parts).toEqual([
      { type: 'text', content: 'Look' },
      {
        type: 'image',
        content: '',
        metadata: { name: 'a.png', blob: hash, sizeBytes: 700_000, mimeType: 'image/png' },
      },
      { type: 'image', content: '', metadata: { mediaType: 'image/png', blob: hash, sizeBytes: 700_000 } },
      { type: 'image', content: 'https://pictures.example/1.png' },
    ])
    const pieces: Buffer[] = []
    for (let offset = 0; offset < 700_000; ) {
      const piece = attachment(vaults.vault, { id, blob: hash, offset }, 4)
      expect(piece).toMatchObject({ offset, sizeBytes: 700_000 })
      pieces.push(Buffer.from(piece.data, 'base64'))
      offset += pieces.at(-1)!.length
    }
    expect(Buffer.concat(pieces).equals(picture)).toBe(true)
    expect(() => attachment(vaults.vault, { id, blob: hash, offset: 0 }, 3)).toThrow(
      expect.objectContaining({ code: 'Forbidden' }),
    )
    for (const [conversation, blob] of [
      ['other', hash],
      [id, hashOf(voice)],
    ])
      expect(() => attachment(vaults.vault, { id: conversation!, blob: blob!, offset: 0 }, 5)).toThrow(
        expect.objectContaining({ code: 'NotFound' }),
      )
  })

  test('the same again changes nothing; other words keep the picture; too much is named and left out', () => {
    using vaults = temporaryVault()
    capture(vaults, withPicture(picture))
    expect(capture(vaults, withPicture(picture))).toMatchObject({ status: 'unchanged' })
    expect(capture(vaults, withPicture(picture, 'Look again'))).toMatchObject({ status: 'updated' })
    const keys = vaults.vault.all<{ id: string }>("SELECT id FROM message_versions WHERE id LIKE '%:file-%'")
    expect(keys).toHaveLength(1)
    const huge = { ...withPicture(Buffer.alloc(LIMITS.attachmentBytes + 1)), originalId: 'b' }
    const { conversationId } = capture(vaults, huge)
    expect(loadConversation(vaults.vault, conversationId)!.messages[0]!.parts[1]).toEqual({
      type: 'image',
      content: '',
      metadata: { name: 'a.png', sizeBytes: LIMITS.attachmentBytes + 1 },
    })
  })

  test('verify sees a damaged one; an erase leaves none', async () => {
    using vaults = temporaryVault()
    const { conversationId: id } = capture(vaults, withPicture(picture))
    expect(await contentProblems(vaults.vault, async () => {})).toEqual([])
    vaults.vault.transactDerived((tx) => tx.run('DELETE FROM blobs WHERE chunk = 1'))
    expect(await contentProblems(vaults.vault, async () => {})).toMatchObject([{ kind: 'blob' }])
    vaults.vault.transact((tx) => {
      vaults.vault.erase(tx, rowsOfConversation(tx, vaults.vault.space, id))
      forgetTraces(tx, [id])
    })
    for (const table of ['blobs', 'message_versions', 'messages', 'raw_records'])
      expect(vaults.vault.all(`SELECT * FROM ${table}`), table).toEqual([])
  })

  test('the user’s other device asks for it, and has it then', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    const { conversationId: id } = capture(a, withPicture(picture))
    pull(b, a)
    const hash = hashOf(picture)
    expect(() => attachment(b.vault, { id, blob: hash, offset: 0 }, 5)).toThrow(
      expect.objectContaining({ code: 'NotFound' }),
    )
    expect(b.replica.missingBlobs({}).map((bytes) => Buffer.from(bytes).toString('hex'))).toContain(hash)
    const wanted = new Uint8Array(Buffer.from(hash, 'hex'))
    for (let offset = 0; offset < picture.length; offset += 200_000)
      b.replica.storeBlobPiece(a.replica.readBlob({ hash: wanted, offset, maxBytes: 200_000 }))
    expect(attachment(b.vault, { id, blob: hash, offset: 0 }, 5).sizeBytes).toBe(picture.length)
    expect(b.vault.all('SELECT DISTINCT conversation_id AS id FROM blobs WHERE hash = ?', [hash])).toEqual([
      { id },
    ])
  })
})

describe('files that come with an archive', () => {
  const pointer = (asset: string) => ({
    content_type: 'image_asset_pointer',
    asset_pointer: asset,
    width: 1,
    height: 1,
  })
  const chatgpt = [
    {
      id: 'c',
      title: 'c',
      mapping: {
        a: {
          id: 'a',
          parent: null,
          children: [],
          message: {
            id: 'a',
            author: { role: 'user' },
            create_time: 1_760_000_000,
            content: {
              content_type: 'multimodal_text',
              parts: [
                'See',
                pointer('file-service://file-AbC123xyz'),
                pointer('sediment://file_00000000abcd'),
                pointer('file-service://file-Missing1'),
              ],
            },
            metadata: {
              attachments: [
                { id: 'file-AbC123xyz', name: 'leaf.png' },
                { id: 'file-Notes99', name: 'notes.txt' },
              ],
            },
          },
        },
      },
    },
  ]

  test('ChatGPT: by the id in the name; what is missing or damaged keeps its pointer; a second import is the same', async () => {
    await using session = importSession()
    const zip = await zipOf([
      { name: 'conversations.json', data: JSON.stringify(chatgpt) },
      { name: 'file-AbC123xyz-leaf.png', data: picture, compress: false },
      { name: 'dalle-generations/file_00000000abcd-1234.webp', data: voice, compress: false },
      { name: 'file-Notes99-notes.txt', data: 'flip these notes', compress: false },
    ])
    zip[zip.indexOf('flip these')]! ^= 1
    expect(await session.imported({ data: zip })).toMatchObject({
      state: 'done',
      errors: [],
      conversations: { created: 1 },
    })
    const { vault } = session.vaults
    const id = vault.get<{ id: string }>('SELECT id FROM conversations')!.id
    const parts = loadConversation(vault, id)!.messages[0]!.parts
    expect(
      parts.map(({ type, content, metadata }) => [type, content, metadata?.blob, metadata?.pointer]),
    ).toEqual([
      ['text', 'See', undefined, undefined],
      ['image', '', hashOf(picture), 'file-service://file-AbC123xyz'],
      ['image', '', hashOf(voice), 'sediment://file_00000000abcd'],
      ['image', 'file-service://file-Missing1', undefined, undefined],
      ['file', '', undefined, undefined],
    ])
    const before = session.facts()
    expect(await session.imported({ data: zip })).toMatchObject({ conversations: { unchanged: 1 } })
    expect(session.facts()).toEqual(before)
  })

  test('Takeout and Le Chat: by name, only beside the export or in its own folder', async () => {
    await using session = importSession()
    const fixture = (name: string) => readFileSync(join(REPOSITORY, 'test', 'fixtures', name))
    const zip = await zipOf([
      { name: 'Takeout/My Activity/Gemini Apps/MyActivity.json', data: fixture('gemini/MyActivity.json') },
      { name: 'Takeout/My Activity/Gemini Apps/image-1.png', data: picture, compress: false },
      { name: 'Takeout/Drive/notes.pdf', data: 'somebody else’s notes' },
      { name: 'chats/chat-c0ffee00.json', data: fixture('le-chat/chat-c0ffee00.json') },
      { name: 'chats/chat-c0ffee00-files/rain.png', data: voice, compress: false },
      { name: 'chats/chat-other-files/rain.png', data: picture, compress: false },
    ])
    await session.imported({ data: zip })
    const { vault } = session.vaults
    const named = vault.all<{ hash: string; provider: string }>(
      `SELECT v.content_hash AS hash, c.provider FROM message_versions v JOIN messages m ON m.id = v.message_id
       JOIN conversations c ON c.id = m.conversation_id WHERE v.id LIKE '%:file-%' ORDER BY 2`,
    )
    expect(named).toEqual([
      { hash: hashOf(picture), provider: 'gemini' },
      { hash: hashOf(voice), provider: 'le-chat' },
    ])
  })
})
