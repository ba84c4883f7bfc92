import { describe, expect, test } from 'vitest'
import { planExport } from '../../../daemon/capture/export-plan.ts'
import { readExport } from '../../../daemon/capture/export-reader.ts'
import { pageOf } from '../../../daemon/capture/providers/mhtml.ts'
import type { Source } from '../../../daemon/capture/sources/source.ts'
import { LIMITS } from '../../../schema/limits.ts'

const mhtml = (...parts: string[]) =>
  [
    'From: <Saved by Blink>',
    'Content-Type: multipart/related;\r\n\ttype="text/html";\r\n\tboundary="edge"',
    '',
    ...parts.flatMap((part) => ['--edge', part]),
    '--edge--',
    '',
  ].join('\r\n')

describe('the page in a single file', () => {
  test.each([
    ['plain', 'Content-Type: text/html\r\n\r\n<p>grün</p>', '<p>grün</p>'],
    [
      'quoted-printable over lines',
      'Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>gr=C3=\r\n=BCn</p>',
      '<p>grün</p>',
    ],
    [
      'base64 in another character set',
      `Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from('<p>gr\xfcn</p>', 'latin1').toString('base64')}`,
      '<p>grün</p>',
    ],
    [
      'a character set nobody has',
      'Content-Type: text/html; charset=x-none\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>gr=C3=BCn</p>',
      '<p>grün</p>',
    ],
  ])('%s', (_, part, page) => {
    const style = 'Content-Type: text/css\r\n\r\np { color: red }'
    expect(pageOf(mhtml(style, part, style))).toContain(page)
    expect(pageOf(mhtml(style, part, style))).not.toContain('color')
  })

  test('its address stands where a browser notes it, unless it is none', () => {
    const at = (address: string) =>
      pageOf(mhtml(`Content-Type: text/html\r\nContent-Location: ${address}\r\n\r\n<p>x</p>`))
    expect(at('https://chatgpt.com/share/1')).toBe(
      '<!-- saved from url=(0027)https://chatgpt.com/share/1 -->\n<p>x</p>\r',
    )
    for (const bad of ['javascript:alert(1)', 'https://a/-->', `https://a/${'x'.repeat(5_000)}`])
      expect(at(bad)).not.toContain('saved from')
  })

  test('cut off anywhere, it is text that can be read, in bounded time', () => {
    const whole = mhtml(
      'Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>a=3D</p>',
    )
    for (let size = 0; size < whole.length; size++) expect(typeof pageOf(whole.slice(0, size))).toBe('string')
    const many = mhtml(...Array.from({ length: 20_000 }, () => 'Content-Type: text/css\r\n\r\nx'))
    expect(pageOf(many)).toBe(many)
    expect(pageOf('<html>a page</html>')).toBe('<html>a page</html>')
  })
})

describe('a file that is read whole', () => {
  test('beyond the limit it is one line of the report that says what to do', async () => {
    const line = Buffer.from(
      `${JSON.stringify({
        type: 'user',
        uuid: 'u1',
        parentUuid: null,
        sessionId: '5b1f0000-0000-4000-8000-000000000001',
        timestamp: '2026-03-01T09:00:01.000Z',
        message: { role: 'user', content: 'x'.repeat(1_000_000) },
      })}\n`,
    )
    const source: Source = {
      kind: 'file',
      fingerprint: 'x',
      entries: async () => [{ name: 'session.jsonl', size: LIMITS.listFileBytes + line.length }],
      async *open() {
        for (let sent = 0; sent <= LIMITS.listFileBytes; sent += line.length) yield line
      },
      async close() {},
    }
    const items = []
    for await (const item of readExport(source, await planExport(source))) items.push(item)
    expect(items).toEqual([
      {
        kind: 'broken',
        where: 'session.jsonl',
        provider: 'claude-code',
        code: 'TooLarge',
        message: 'This file is read whole and is larger than 64 MiB: split it into smaller ones.',
      },
    ])
  })
})
