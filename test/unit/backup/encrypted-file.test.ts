import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decryptFile, encryptFile } from '../../../daemon/backup/encrypted-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivim-backup-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)
const codeOf = async (work: Promise<void>) =>
  work.then(
    () => 'done',
    ({ code }) => code,
  )

describe('an encrypted file', () => {
  test('comes out as it went in, under its passphrase alone', async () => {
    const content = Buffer.alloc(300_000, 'quagga')
    writeFileSync(at('plain'), content)
    await encryptFile(at('plain'), at('sealed'), 'correct horse')
    expect(readFileSync(at('sealed')).includes('quagga')).toBe(false)
    expect(await codeOf(decryptFile(at('sealed'), at('wrong'), 'wrong horse'))).toBe('Unauthorized')
    await decryptFile(at('sealed'), at('back'), 'correct horse')
    expect(readFileSync(at('back')).equals(content)).toBe(true)
    writeFileSync(at('cut'), readFileSync(at('sealed')).subarray(0, -1))
    expect(await codeOf(decryptFile(at('cut'), at('never'), 'correct horse'))).toBe('Corrupt')
  })

  test('is a plain file that begins like one: nothing else is waited for, or taken into memory', async () => {
    execFileSync('sh', ['-c', 'mkfifo "$0"', at('pipe')])
    symlinkSync(at('pipe'), at('link'))
    for (const name of ['pipe', 'link', '.', 'absent'])
      expect(await codeOf(decryptFile(at(name), at('out'), 'x')), name).toBe('NotFound')
    writeFileSync(at('long'), `age-encryption.org/v1\n-> scrypt ${'a'.repeat(64 * 1024 * 1024)}`)
    const before = process.memoryUsage().rss
    expect(await codeOf(decryptFile(at('long'), at('out'), 'x'))).toBe('Corrupt')
    expect(process.memoryUsage().rss - before).toBeLessThan(32 * 1024 * 1024)
  })
})
