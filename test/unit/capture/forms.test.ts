import { describe, expect, test } from 'vitest'
import { canonicalUrl, conversationIdIn } from '../../../daemon/capture/canonical-url.ts'
import { contentMessageId, conversationId, providedMessageId } from '../../../daemon/capture/ids.ts'
import { instant } from '../../../daemon/capture/providers/instants.ts'
import { vivimCapture } from '../../../daemon/capture/providers/vivim-capture.ts'
import { safeText } from '../../../daemon/capture/safe-text.ts'
import { uuidV7 } from '../../../daemon/capture/uuid-v7.ts'

test.each([
  [1_784_164_544.946, 1_784_164_544_946],
  [1_784_164_544, 1_784_164_544_000],
  [1_784_164_544_946, 1_784_164_544_946],
  [1_784_164_544_946_123, 1_784_164_544_946],
  ['1784164544.5', 1_784_164_544_500],
  ['2026-08-01T10:00:00Z', Date.UTC(2026, 7, 1, 10)],
  ['2026-08-01T12:00:00+02:00', Date.UTC(2026, 7, 1, 10)],
  ['2026-08-01T10:00:00.123456Z', Date.UTC(2026, 7, 1, 10, 0, 0, 123)],
  ['2026-08-01 10:00:00', Date.UTC(2026, 7, 1, 10)],
  ['2026-08-01', Date.UTC(2026, 7, 1)],
  [{ $date: { $numberLong: '1784164544946' } }, 1_784_164_544_946],
  [0, undefined],
  [-5, undefined],
  [null, undefined],
  [Number.NaN, undefined],
  [1e300, undefined],
  ['yesterday', undefined],
  ['', undefined],
  [true, undefined],
])('the time %j is %s', (value, ms) => expect(instant(value)).toBe(ms))

test.each([
  [
    'https://chat.openai.com/c/6f1c2a3e-0000-4000-8000-000000000000?utm_source=x#top',
    'https://chatgpt.com/c/6f1c2a3e-0000-4000-8000-000000000000',
  ],
  ['HTTP://WWW.Example.com:80/a/?b=2&a=1&fbclid=z', 'https://example.com/a?a=1&b=2'],
  ['https://user:pass@example.com/', 'https://example.com'],
  ['https://example.com:8443/x/', 'https://example.com:8443/x'],
  ['vivim://local/1', 'vivim://local/1'],
  ['no url', 'no url'],
])('the canonical URL of %s', (source, url) => {
  expect(canonicalUrl(source)).toBe(url)
  expect(canonicalUrl(url)).toBe(url)
})

describe('ids', () => {
  const firstMessage = { role: 'user', contentHash: 'aa' }
  const origin = (fields: { originalId?: string; sourceUrl?: string; provider?: string }) => ({
    provider: 'chatgpt',
    originalId: undefined,
    sourceUrl: undefined,
    firstMessage,
    ...fields,
  })

  test('an export and the open page meet in one id; a share link does not', () => {
    const id = '6f1c2a3e-0000-4000-8000-000000000000'
    const exported = conversationId(origin({ originalId: id }), 0)
    expect(conversationId(origin({ sourceUrl: `https://chatgpt.com/c/${id}/` }), 0)).toBe(exported)
    expect(conversationId(origin({ sourceUrl: `https://chatgpt.com/share/${id}` }), 0)).not.toBe(exported)
    expect(conversationIdIn('claude', `https://chatgpt.com/c/${id}`)).toBeUndefined()
  })

  test('are 26 characters of base32, and each of their inputs counts', () => {
    const ids = [
      conversationId(origin({ originalId: 'x' }), 0),
      conversationId(origin({ originalId: 'x' }), 1),
      conversationId(origin({ originalId: 'x', provider: 'claude' }), 0),
      conversationId(origin({ sourceUrl: 'https://a.example/x' }), 0),
      conversationId(origin({}), 0),
      providedMessageId('c', 'm'),
      providedMessageId('d', 'm'),
      contentMessageId('c', null, 'user', 'aa', 0),
      contentMessageId('c', null, 'user', 'aa', 1),
      contentMessageId('c', 'p', 'user', 'aa', 0),
      contentMessageId('c', null, 'tool', 'aa', 0),
    ]
    for (const id of ids) expect(id).toMatch(/^[a-z2-7]{26}$/)
    expect(new Set(ids).size).toBe(ids.length)
  })

  // Made by another program: SHA-256 of the CBOR array, base32.
  test('stay what they are: a change here makes every stored conversation a stranger', () => {
    expect(conversationId(origin({ originalId: 'chatgpt-fixture-conversation' }), 0)).toBe(
      'mar5gxojtvjrwnhhjtqmu5hywc',
    )
    expect(providedMessageId('c', 'm')).toBe('5veiwkqfta3i4f7gszqqlnodbk')
  })
})

test('text no store can hold is made safe, and other text is the same', () => {
  expect(safeText('a\0b\ud800c\udc00')).toBe('a\ufffdb\ufffdc\ufffd')
  expect(safeText('grüße 👩‍👩‍👧 \ud83d\ude00')).toBe('grüße 👩‍👩‍👧 \ud83d\ude00')
})

test('UUIDv7: version, variant, and order of time', () => {
  const random = new Uint8Array(10).fill(0xff)
  expect(uuidV7(Date.UTC(2026, 0, 1), random)).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
  expect(uuidV7(1_000, random) < uuidV7(1_001, new Uint8Array(10))).toBe(true)
})

test('what is not valid vivim.capture/1 is skipped, and the reason names fields, not content', async () => {
  await vivimCapture.prepare?.()
  const reason = (element: object) => vivimCapture.parse({ format: 'vivim.capture/1', ...element }).skipped[0]
  expect(reason({ provider: 'x', messages: [] })).toBe('not valid vivim.capture/1: messages')
  expect(reason({ provider: 'My Secret', messages: [{ role: 'user', parts: [] }] })).toBe(
    'not valid vivim.capture/1: provider',
  )
  expect(reason({ provider: 'x', messages: [{ role: 'boss', parts: [] }] })).toBe(
    'not valid vivim.capture/1: messages.role',
  )
})
