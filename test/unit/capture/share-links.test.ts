import { readFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { captureLink } from '../../../daemon/capture/links/capture-link.ts'
import { guardedFetch, type Web } from '../../../daemon/capture/links/guarded-fetch.ts'
import { isPublicAddress } from '../../../daemon/capture/links/public-address.ts'
import { shareLink } from '../../../daemon/capture/links/share-links.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'

const fixture = (name: string) => readFileSync(join(REPOSITORY, 'test', 'fixtures', name))
const CHATGPT = 'https://chatgpt.com/share/68e0share-0000'
const PUBLIC = '104.18.32.47'
const limits = { bytes: 1_000_000, ms: 3_000 }

let server: Server
let answer: RequestListener
let asked: { address: string; path: string }[]
beforeEach(async () => {
  asked = []
  answer = (_, response) => response.end('{}')
  server = createServer((request, response) => answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** A name server that says what it is told, and the local server in place of the address that was checked. */
const webAt = (...addresses: string[]): Web => ({
  resolve: async () => addresses,
  ask: (url, address, signal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      asked.push({ address, path: url.pathname + url.search })
      const { port } = server.address() as AddressInfo
      get({ host: '127.0.0.1', port, path: url.pathname, signal, agent: false }, resolve).on('error', reject)
    }),
})

describe('which links are fetched', () => {
  test.each([
    [
      'https://chatgpt.com/share/68e0aaaa-1111-4000-8000-000000000001',
      'chatgpt',
      'https://chatgpt.com/share/68e0aaaa-1111-4000-8000-000000000001',
    ],
    [
      'https://chat.openai.com/share/68e0aaaa-1111/?utm_source=x#y',
      'chatgpt',
      'https://chatgpt.com/share/68e0aaaa-1111',
    ],
    [
      'https://claude.ai/share/5b1f0000-0000-4000-8000-000000000001',
      'claude',
      'https://claude.ai/api/chat_snapshots/5b1f0000-0000-4000-8000-000000000001?rendering_mode=messages&render_all_tools=true',
    ],
    [
      'https://grok.com/share/bGVnYWN5_abc',
      'grok',
      'https://grok.com/rest/app-chat/share_links/bGVnYWN5_abc',
    ],
    [
      'https://chat.deepseek.com/share/abc123def',
      'deepseek',
      'https://chat.deepseek.com/api/v0/share/content?share_id=abc123def',
    ],
    ['https://www.kimi.com/share/k-123456', 'kimi', 'https://www.kimi.com/share/k-123456'],
    ['https://chat.qwen.ai/s/qw-1234', 'qwen', 'https://chat.qwen.ai/s/qw-1234'],
    ['https://chat.z.ai/s/z-123456', 'zai', 'https://chat.z.ai/s/z-123456'],
  ])('%s', (url, provider, request) => expect(shareLink(url)).toMatchObject({ provider, request }))

  test.each([
    ['another protocol', 'http://chatgpt.com/share/68e0aaaa-1111'],
    ['a file', 'file:///etc/passwd'],
    ['a port', 'https://chatgpt.com:8443/share/68e0aaaa-1111'],
    ['a name before it', 'https://chatgpt.com@evil.example/share/68e0aaaa-1111'],
    ['credentials', 'https://user:pass@chatgpt.com/share/68e0aaaa-1111'],
    ['a host that begins alike', 'https://chatgpt.com.evil.example/share/68e0aaaa-1111'],
    ['a host that ends alike', 'https://notchatgpt.com/share/68e0aaaa-1111'],
    ['a host below it', 'https://evil.chatgpt.com/share/68e0aaaa-1111'],
    ['a dot at the end', 'https://chatgpt.com./share/68e0aaaa-1111'],
    ['letters that look alike', 'https://ch\u0430tgpt.com/share/68e0aaaa-1111'],
    ['the same in punycode', 'https://xn--chtgpt-4nf.com/share/68e0aaaa-1111'],
    ['an address', 'https://127.0.0.1/share/68e0aaaa-1111'],
    ['an address as a number', 'https://2130706433/share/68e0aaaa-1111'],
    ['an address of IPv6', 'https://[::1]/share/68e0aaaa-1111'],
    ['this machine', 'https://localhost/share/68e0aaaa-1111'],
  ])('refused before any look-up: %s', (_, url) =>
    expect(() => shareLink(url)).toThrow(expect.objectContaining({ code: 'Forbidden' })),
  )

  test.each([
    ['another path', 'https://chatgpt.com/c/68e0aaaa-1111'],
    ['a path that climbs', 'https://chatgpt.com/share/../backend-api/me'],
    ['no id', 'https://claude.ai/share/'],
    ['no address', 'chatgpt'],
  ])('no share link: %s', (_, url) =>
    expect(() => shareLink(url)).toThrow(expect.objectContaining({ code: 'InvalidParams' })),
  )
})

test.each([
  ['104.18.32.47', true],
  ['2606:4700::6812:202f', true],
  ...[
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
  ].map((a) => [a, false] as const),
  ...['169.254.169.254', '100.64.0.1', '198.18.0.1', '192.0.2.1', '224.0.0.1', '255.255.255.255'].map(
    (a) => [a, false] as const,
  ),
  ...['::1', '::', 'fe80::1', 'fc00::1', 'fd12::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1'].map(
    (a) => [a, false] as const,
  ),
  ...['64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', '2001::1', 'localhost', '', '1.2.3'].map(
    (a) => [a, false] as const,
  ),
  ['172.32.0.1', true],
  ['100.128.0.1', true],
] as const)('the address %s is public: %s', (address, isPublic) =>
  expect(isPublicAddress(address)).toBe(isPublic),
)

describe('the guard', () => {
  const refusal = (web: Web) =>
    guardedFetch(CHATGPT, web, limits).then(
      () => 'fetched',
      ({ code }) => code as string,
    )

  test.each([
    ['this machine', ['127.0.0.1']],
    ['a private network', ['192.168.0.10']],
    ['link-local: the clouds’ own service', ['169.254.169.254']],
    ['IPv6 of this machine', ['::1']],
    ['IPv6 that carries IPv4', ['::ffff:127.0.0.1']],
    ['a private address among public ones', [PUBLIC, '10.0.0.1']],
    ['no address', []],
  ])('a host at %s is not asked at all', async (_, addresses) => {
    expect(await refusal(webAt(...addresses))).toBe('Forbidden')
    expect(asked).toEqual([])
  })

  test('only the address that was checked is asked', async () => {
    answer = (_, response) => response.end('hello')
    expect((await guardedFetch(CHATGPT, webAt(PUBLIC), limits)).toString()).toBe('hello')
    expect(asked).toEqual([{ address: PUBLIC, path: '/share/68e0share-0000' }])
  })

  test.each([301, 302, 303, 307, 308])('%i: nothing elsewhere is followed', async (status) => {
    answer = (_, response) => response.writeHead(status, { location: 'http://169.254.169.254/latest' }).end()
    expect(await refusal(webAt(PUBLIC))).toBe('Forbidden')
    expect(asked).toHaveLength(1)
  })

  test.each([
    ['404', 'NotFound', (_, response) => response.writeHead(404).end()],
    ['410', 'NotFound', (_, response) => response.writeHead(410).end()],
    ['403', 'Unavailable', (_, response) => response.writeHead(403).end()],
    ['500', 'Unavailable', (_, response) => response.writeHead(500).end()],
    [
      'a size too large by its head',
      'TooLarge',
      (_, response) => response.writeHead(200, { 'content-length': '2000000' }).end('x'),
    ],
    [
      'a size too large, told by nobody',
      'TooLarge',
      (_, response) => {
        const more = () => {
          while (response.write('x'.repeat(64_000))) {}
          response.once('drain', more)
        }
        more()
      },
    ],
    [
      'a packed answer',
      'Unavailable',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
    ],
    [
      'an answer that breaks off',
      'Unavailable',
      (_, response) => {
        response.writeHead(200, { 'content-length': '100' })
        response.write('x')
        setImmediate(() => response.destroy())
      },
    ],
  ] satisfies [string, string, RequestListener][])('%s', async (_, code, listener) => {
    answer = listener
    expect(await refusal(webAt(PUBLIC))).toBe(code)
  })

  test.each([
    ['never answers', (() => {}) as RequestListener],
    [
      'answers a byte at a time',
      ((_, response) => {
        const timer = setInterval(() => response.write('x'), 20)
        response.on('close', () => clearInterval(timer))
      }) as RequestListener,
    ],
  ])('a host that %s is given up', async (_, listener) => {
    answer = listener
    await expect(guardedFetch(CHATGPT, webAt(PUBLIC), { bytes: 1_000, ms: 300 })).rejects.toMatchObject({
      code: 'Unavailable',
      message: 'The host took too long.',
    })
  })

  test('so is a name server that does not answer', async () => {
    const web: Web = { ...webAt(PUBLIC), resolve: () => new Promise(() => {}) }
    await expect(guardedFetch(CHATGPT, web, { bytes: 1_000, ms: 200 })).rejects.toMatchObject({
      code: 'Unavailable',
    })
  })
})

describe('a share link', () => {
  const capture = (vaults: ReturnType<typeof temporaryVault>, url: string, body: Buffer | string) => {
    answer = (_, response) => response.end(body)
    return captureLink(vaults.vault, {
      url,
      again: false,
      signal: new AbortController().signal,
      web: webAt(PUBLIC),
    })
  }

  test('is stored; again it is the same; every try is in the user’s own record', async () => {
    using vaults = temporaryVault()
    const page = fixture('chatgpt/share-page.html')
    const first = await capture(vaults, CHATGPT, page)
    expect(first).toMatchObject({ provider: 'chatgpt', created: true, messagesAdded: 3 })
    expect(await capture(vaults, CHATGPT, page)).toMatchObject({ created: false, status: 'unchanged' })
    await expect(capture(vaults, CHATGPT, 'nothing here')).rejects.toMatchObject({ code: 'Corrupt' })
    expect(
      vaults.vault.all('SELECT provider, status, error_code, source_url FROM capture_attempts ORDER BY id'),
    ).toEqual([
      { provider: 'chatgpt', status: 'created', error_code: null, source_url: CHATGPT },
      { provider: 'chatgpt', status: 'unchanged', error_code: null, source_url: CHATGPT },
      { provider: 'chatgpt', status: 'failed', error_code: 'Corrupt', source_url: CHATGPT },
    ])
    const { Conversation } = await import('../../../schema/entities/index.ts')
    vaults.vault.transact((tx) =>
      vaults.vault.erase(tx, [{ entity: Conversation, key: first.conversationId }]),
    )
    await expect(capture(vaults, CHATGPT, page)).rejects.toMatchObject({ code: 'Conflict' })
  })

  test.each([
    [
      'https://claude.ai/share/5b1f0000-0000-4000-8000-000000000001',
      'claude',
      () => fixture('claude/share-snapshot.json'),
      2,
    ],
    ['https://www.kimi.com/share/k-123456', 'kimi', () => fixture('kimi/share.html'), 2],
    ['https://chat.qwen.ai/s/qw-1234', 'qwen', () => fixture('qwen/share.html'), 2],
    ['https://chat.z.ai/s/z-123456', 'zai', () => fixture('zai/share.html'), 2],
    [
      'https://grok.com/share/bGVnYWN5_abc',
      'grok',
      () =>
        JSON.stringify({
          conversation: { conversationId: 'g-9', title: 'Whales', createTime: '2026-01-01T00:00:00Z' },
          responses: [
            { responseId: 'r1', message: 'How big?', sender: 'human', createTime: '2026-01-01T00:00:01Z' },
            {
              responseId: 'r2',
              message: 'Very.',
              sender: 'assistant',
              parentResponseId: 'r1',
              createTime: '2026-01-01T00:00:02Z',
            },
          ],
        }),
      2,
    ],
    [
      'https://chat.deepseek.com/share/abc123def',
      'deepseek',
      () =>
        JSON.stringify({
          data: {
            biz_data: {
              title: 'Ferns',
              messages: [
                {
                  message_id: 1,
                  parent_id: null,
                  role: 'USER',
                  inserted_at: 1,
                  fragments: [{ type: 'REQUEST', content: 'Which?' }],
                },
                {
                  message_id: 2,
                  parent_id: 1,
                  role: 'ASSISTANT',
                  inserted_at: 2,
                  fragments: [{ type: 'RESPONSE', content: 'Boston.' }],
                },
              ],
            },
          },
        }),
      2,
    ],
  ])('%s', async (url, provider, body, messages) => {
    using vaults = temporaryVault()
    expect(await capture(vaults, url, body())).toMatchObject({
      provider,
      created: true,
      messagesAdded: messages,
    })
    expect(vaults.vault.get('SELECT provider, source_url FROM conversations')).toEqual({
      provider,
      source_url: shareLink(url).url,
    })
  })

  test('a look-alike is not even asked, and leaves no record', async () => {
    using vaults = temporaryVault()
    await expect(
      capture(vaults, 'https://chatgpt.com.evil.example/share/68e0aaaa-1111', ''),
    ).rejects.toMatchObject({ code: 'Forbidden' })
    expect(asked).toEqual([])
  })
})
