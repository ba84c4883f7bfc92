import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadConfig } from '../../../config/config.ts'
import { keepListenAddress } from '../../../daemon/listen-address.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivim-listen-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const config = (env: Record<string, string> = {}) =>
  loadConfig({ file: join(folder, 'config.json'), env, cwd: folder })

describe('the address to listen at', () => {
  test('is on every address of the machine, with a port that is chosen once', async () => {
    const chosen = await keepListenAddress(config())
    expect(chosen).toMatch(/^\/ip4\/0\.0\.0\.0\/tcp\/[1-9]\d+$/)
    expect(await keepListenAddress(config())).toBe(chosen)
  })

  test('keeps its port while the environment goes on saying "any"', async () => {
    const env = { VIVIM_LISTEN: '/ip4/127.0.0.1/tcp/0' }
    const chosen = await keepListenAddress(config(env))
    expect(chosen).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d+$/)
    expect(await keepListenAddress(config(env))).toBe(chosen)
    expect(await keepListenAddress(config({ VIVIM_LISTEN: '/ip4/127.0.0.2/tcp/0' }))).not.toBe(chosen)
  })

  test('is what somebody says, while they say it', async () => {
    const chosen = await keepListenAddress(config())
    const env = { VIVIM_LISTEN: '/ip4/127.0.0.1/tcp/45678' }
    expect(await keepListenAddress(config(env))).toBe('/ip4/127.0.0.1/tcp/45678')
    expect(chosen).not.toContain('45678')
  })
})
