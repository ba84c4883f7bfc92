import { createHash, randomBytes, verify } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeDid, encodeDid } from '../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, verify as verifySignature } from '../../daemon/identity/ed25519.ts'
import type { UserHost, UserHostOptions } from '../../daemon/users/user-host.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { command, commandsInThread, commandWorkers } from '../support/command-hosts.ts'

const HOSTS = [
  { name: 'in this thread', openHost: commandsInThread, isWorker: false },
  { name: 'in a worker', openHost: commandWorkers, isWorker: true },
]

describe.each(HOSTS)('a user hosted $name', ({ openHost, isWorker }) => {
  const seed = new Uint8Array(randomBytes(32))
  const deviceKey = privateKeyOfSeed(seed)
  const did = encodeDid(publicKeyBytes(deviceKey))
  let folder: string
  let hosts: UserHost[]
  let log: object[]
  let pending: boolean[]
  let committed: unknown[] = []
  let deaths: number

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vivim-host-'))
    hosts = []
    log = []
    pending = []
    committed = []
    deaths = 0
  })
  afterEach(async () => {
    await Promise.all(hosts.map((host) => host.close(500)))
    rmSync(folder, { recursive: true, force: true })
  })

  const engine = (changes: object = {}) => ({
    did,
    deviceDid: did,
    databasePath: join(folder, 'vault.db'),
    deviceKey,
    vaultKey: new Uint8Array(32).fill(1),
    spaceSecret: new Uint8Array(32).fill(2),
    clockOffsetMs: 0,
    ...changes,
  })
  async function open(changes: Partial<UserHostOptions> & { engine?: object } = {}): Promise<UserHost> {
    const host = await openHost(engine(changes.engine), {
      now: Date.now,
      log: { error: (details, message) => log.push({ ...details, message }) },
      onDeath: () => deaths++,
      onPendingWork: (value) => pending.push(value),
      onCommitted: (...told) => committed.push(told),
      ...changes,
    })
    hosts.push(host)
    return host
  }

  it('replicates: bytes cross both ways, refusals keep their code, commits are told', async () => {
    const host = await open()
    const [head] = await host.replicate('frontier', {})
    expect(head).toMatchObject({ sequence: 3, device: new Uint8Array(32).fill(1) })
    const segments = [new Uint8Array(7), new Uint8Array(5)]
    expect(await host.replicate('apply', { segments })).toMatchObject({ operations: 12 })
    await expect(host.replicate('apply', { segments: [] })).rejects.toMatchObject({ code: 'Corrupt' })
    await command(host, 'commit 9')
    expect(committed).toMatchObject([[[{ sequence: 9 }], [new Uint8Array(3)]]])
  })

  it('answers, and what was written is there after closing and opening again', async () => {
    const host = await open()
    await command(host, 'write one')
    await host.probe()
    await host.close()
    expect(existsSync(join(folder, 'vault.db.lock'))).toBe(false)
    const again = await open()
    expect(await command(again, 'read')).toEqual(['one'])
  })

  it('passes level, right to paths and parameters', async () => {
    const host = await open()
    const answer = await command(host, 'echo hi', {
      maxSecurityLevel: 2,
      mayReadPaths: true,
      rest: { limit: 4 },
    })
    expect(answer).toEqual({ text: 'hi', rest: { limit: 4 }, maxSecurityLevel: 2, mayReadPaths: true })
  })

  it('gives the engine its keys and no neighbours of them', async () => {
    const host = await open()
    const answer = (await command(host, 'keys message')) as Record<string, unknown>
    const hashOf = (byte: number) => createHash('sha256').update(new Uint8Array(32).fill(byte)).digest('hex')
    expect(answer).toMatchObject({ vault: hashOf(1), space: hashOf(2), isMainThread: !isWorker })
    const signature = new Uint8Array(answer.signature as Uint8Array)
    expect(verifySignature(decodeDid(did), Buffer.from('message'), signature)).toBe(true)
    expect(verify(null, Buffer.from('other'), { key: deviceKey } as never, signature)).toBe(false)
  })

  it('keeps the calls of many apart', async () => {
    const host = await open()
    const texts = Array.from({ length: 300 }, (_, index) => `t${index}`)
    const answers = await Promise.all(texts.map((text) => command(host, `echo ${text}`)))
    expect(answers.map((answer) => (answer as { text: string }).text)).toEqual(texts)
  })

  it('carries typed errors whole', async () => {
    const host = await open()
    const error = await command(host, 'fail Conflict').catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(VivimError)
    expect((error as VivimError).toObject()).toEqual({
      message: 'failed with Conflict',
      code: 'Conflict',
      field: 'a.b',
      hint: 'try',
      retryAfterMs: 7,
    })
  })

  it('makes Internal of a bug, with frames but no message in the log', async () => {
    const host = await open()
    await expect(command(host, 'throw my secret diary')).rejects.toMatchObject({ code: 'Internal' })
    expect(JSON.stringify(log)).toContain('TypeError')
    expect(JSON.stringify(log)).toContain('command-engine')
    expect(JSON.stringify(log)).not.toContain('diary')
    expect(await command(host, 'read')).toEqual([])
  })

  it('moves bytes instead of copying them, and leaves pooled ones alone', async () => {
    const host = await open()
    const bytes = new Uint8Array([1, 2, 3])
    expect(await command(host, 'double', { rest: { bytes } })).toEqual(new Uint8Array([1, 2, 3, 1, 2, 3]))
    expect(bytes.byteLength).toBe(0)
    const pooled = new Uint8Array(new ArrayBuffer(64), 8, 2).fill(9)
    expect(await command(host, 'double', { rest: { bytes: pooled } })).toEqual(new Uint8Array(4).fill(9))
    expect(pooled.byteLength).toBe(2)
  })

  it('sends progress to the caller', async () => {
    const host = await open()
    const seen: number[] = []
    await command(host, 'progress reading', { progress: ({ done }) => seen.push(done) })
    expect(seen).toEqual([1, 2, 3])
  })

  it('answers an aborted call at once with its reason, and aborts the work', async () => {
    const host = await open()
    const controller = new AbortController()
    const call = command(host, 'hang', { signal: controller.signal })
    const reason = new VivimError('UserUnavailable', 'gone away')
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await expect.poll(() => command(host, 'aborted')).toBe(1)
    await expect(command(host, 'read', { signal: controller.signal })).rejects.toBe(reason)
  })

  it('answers at the deadline, and aborts the work', async () => {
    const host = await open({ deadlineOf: () => 100 })
    const error = await command(host, 'hang').catch((caught: unknown) => caught)
    expect(error).toMatchObject({ code: 'UserUnavailable', retryAfterMs: expect.any(Number) })
    await expect.poll(() => command(host, 'aborted')).toBe(1)
    await expect.poll(() => host.busy).toBe(false)
  })

  it('is busy while a call runs or the engine reports work', async () => {
    const host = await open()
    const sleeping = command(host, 'sleep 100')
    expect(host.busy).toBe(true)
    await sleeping
    expect(host.busy).toBe(false)
    await command(host, 'pending true')
    expect(pending).toEqual([true])
    expect(host.busy).toBe(true)
    await command(host, 'pending false')
    expect(host.busy).toBe(false)
    expect(pending).toEqual([true, false])
  })

  it('remembers when it was used', async () => {
    let now = 1_000
    const host = await open({ now: () => now })
    now = 2_000
    await command(host, 'read')
    expect(host.lastUsedAt).toBe(2_000)
  })

  it('refuses more calls than may wait', async () => {
    const host = await open()
    const controller = new AbortController()
    const waiting = Array.from({ length: LIMITS.userQueue }, () =>
      command(host, 'hang', { signal: controller.signal }).catch((error: unknown) => error),
    )
    await expect(command(host, 'read')).rejects.toMatchObject({ code: 'RateLimited' })
    controller.abort(new VivimError('UserUnavailable', 'enough'))
    await Promise.all(waiting)
    await expect.poll(() => host.busy, { timeout: 20_000 }).toBe(false)
    expect(await command(host, 'read')).toEqual([])
  })

  it('ends waiting calls when it closes, refuses later ones, and closes twice', async () => {
    const host = await open()
    const call = command(host, 'hang').catch((error: unknown) => error)
    await Promise.all([host.close(), host.close()])
    expect(await call).toMatchObject({ code: 'UserUnavailable', retryAfterMs: expect.any(Number) })
    await expect(command(host, 'read')).rejects.toMatchObject({ code: 'UserUnavailable' })
    expect(host.open).toBe(false)
    expect(deaths).toBe(0)
  })

  it("tells why an engine would not open: here, another user's file", async () => {
    const host = await open()
    await host.close()
    const other = encodeDid(publicKeyBytes(privateKeyOfSeed(new Uint8Array(32).fill(7))))
    await expect(open({ engine: { did: other } })).rejects.toMatchObject({ code: 'Corrupt' })
  })

  it('opens in spite of the lock of one that was killed', async () => {
    mkdirSync(join(folder, 'vault.db.lock'))
    const host = await open()
    expect(await command(host, 'read')).toEqual([])
  })

  if (!isWorker) return

  describe('whose thread dies', () => {
    it.each(['exit', 'crash'])('by %s answers every waiting call and says so once', async (how) => {
      const host = await open()
      await command(host, 'write kept')
      const waiting = ['hang', 'sleep 60000', how].map((text) =>
        command(host, text).catch((error: unknown) => error),
      )
      for (const error of await Promise.all(waiting))
        expect(error).toMatchObject({ code: 'UserUnavailable', retryAfterMs: expect.any(Number) })
      expect(deaths).toBe(1)
      expect(host.open).toBe(false)
      await expect(command(host, 'read')).rejects.toMatchObject({ code: 'UserUnavailable' })
      const again = await open()
      expect(await command(again, 'read')).toEqual(['kept'])
    })

    it('is stopped the hard way after its budget, and opens again', async () => {
      const host = await open()
      await command(host, 'write kept')
      await command(host, 'stubborn')
      await host.close(200)
      expect(existsSync(join(folder, 'vault.db.lock'))).toBe(false)
      const again = await open()
      expect(await command(again, 'read')).toEqual(['kept'])
      expect(deaths).toBe(0)
    })
  })
})
