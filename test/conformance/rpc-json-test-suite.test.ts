import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineMethod } from '../../schema/methods/method.ts'
import { describeShared } from '../support/shared.ts'
import { type Answer, LineCaller, testRouter } from '../unit/rpc/line-caller.ts'

const TABLE = {
  ping: defineMethod({
    summary: 'x',
    access: 'open',
    params: z.strictObject({}),
    result: z.object({}),
    errors: [],
    examples: [],
  }),
}

const caller = new LineCaller(testRouter(TABLE, { ping: () => ({}) }).router)

async function alive(): Promise<void> {
  expect(await caller.call('ping')).toEqual({ jsonrpc: '2.0', result: {}, id: 1 })
}

/** A file that holds newlines is several lines; an empty one is none. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start <= bytes.length; ) {
    const newline = bytes.indexOf('\n', start)
    const end = newline === -1 ? bytes.length : newline
    const line = bytes.subarray(start, end)
    const text = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
    if (text.length > 0) lines.push(text)
    start = end + 1
  }
  return lines
}

function isJson(line: Buffer): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line))
    return true
  } catch {
    return false
  }
}

describeShared('JSONTestSuite', 'vectors/jsontestsuite/test_parsing', (folder) => {
  const files = () => readdirSync(folder).sort()
  const read = (name: string) => readFileSync(join(folder, name))
  const send = (bytes: Buffer) => caller.send(Buffer.concat([bytes, Buffer.from('\n')])) as Promise<Answer[]>

  test('every n_ file is answered with -32700 and leaves the connection alive', async () => {
    const names = files().filter((name) => name.startsWith('n_'))
    expect(names.length).toBeGreaterThan(150)
    let single = 0
    for (const name of names) {
      const bytes = read(name)
      const lines = linesOf(bytes)
      const answers = await send(bytes)
      const codes = answers.map((answer) => (Array.isArray(answer) ? 'batch' : answer.error?.code))
      if (lines.length === 1) {
        single++
        expect({ name, codes }).toEqual({ name, codes: [-32700] })
      } else {
        // Cut at its newlines, a piece of an invalid text can be valid JSON; it is then no request.
        const expected = lines.map((line) => (isJson(line) ? -32600 : -32700))
        expect({ name, codes }).toEqual({ name, codes: expected })
      }
      await alive()
    }
    expect(single).toBeGreaterThan(150)
  })

  test('every y_ and i_ file gives one answer per line and leaves the connection alive', async () => {
    const names = files().filter((name) => /^[yi]_/.test(name))
    expect(names.length).toBeGreaterThan(100)
    for (const name of names) {
      const bytes = read(name)
      const answers = await send(bytes)
      expect({ name, answers: answers.length }).toEqual({ name, answers: linesOf(bytes).length })
      await alive()
    }
  })
})
