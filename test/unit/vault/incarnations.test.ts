import { fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync, cpSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { decodeCanonical } from '../../../crdt/cbor.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { mayHaveMissedFloor } from '../../../daemon/vault/away.ts'
import { type OpenVault, openVault } from '../../../daemon/vault/open-vault.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { temporaryVault } from '../../support/temporary-vault.ts'
import { meet } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000

const put = (vault: OpenVault, key: string) =>
  vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: 'Conversation', key, values: { title: key } }]))
const logsOf = (vault: OpenVault) => vault.logs.list(vault.space)
const rowsOf = (vault: OpenVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id').map(({ id }) => id)
const problemsOf = async (vault: OpenVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})).problems

function expectNewIncarnation(vault: OpenVault, before: OpenVault['ownLog'], sequence: number): void {
  expect(vault.ownLog).not.toBe(before)
  const own = vault.get<{ predecessor: Uint8Array | null; head_seq: number }>(
    'SELECT predecessor, head_seq FROM logs WHERE ref = ?',
    [vault.ownLog],
  )!
  expect(own.head_seq).toBe(0)
  expect((decodeCanonical(own.predecessor!) as [number])[0]).toBe(sequence)
}

async function expectAlike(a: PairedVault, b: PairedVault, rows: readonly string[]): Promise<void> {
  pull(a, b)
  pull(b, a)
  for (const { vault } of [a, b]) {
    expect(rowsOf(vault)).toEqual([...rows].sort())
    expect(await problemsOf(vault)).toEqual([])
  }
  const digests = [a, b].map(({ vault }) => [
    stateDigest(vault, vault.logs, vault.space),
    vault.logs.frontierDigest(vault.space),
  ])
  expect(digests[0]).toEqual(digests[1])
}

describe('which log a device writes', () => {
  test('the same after any number of openings, and none is added', () => {
    using temporary = temporaryVault()
    const log = temporary.vault.ownLog
    for (let n = 0; n < 5; n++) {
      put(temporary.vault, `c${n}`)
      expect(temporary.reopen().ownLog).toBe(log)
    }
    expect(logsOf(temporary.vault)).toMatchObject([{ head_seq: 5 }])
  })

  test('one that was put back may have missed where the past ends, for as long as a device may be away', () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a.vault, 'early')
    meet(a, b)
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(true)
    // It was back long ago.
    for (let days = 0; days <= 90; days += 10) {
      for (const vault of [a, b]) vault.time += 10 * DAY
      meet(a, b)
    }
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(false)
    a.reopen()
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(false)
    a.vault.close()
    copyFileSync(a.path, `${a.path}.backup`)
    copyFileSync(a.path, `${a.path}.copy`)
    put(a.reopen(), 'later')
    a.vault.close()
    renameSync(`${a.path}.copy`, a.path)
    a.reopen()
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(true)
    meet(a, b)
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(true)
    a.reopen()
    expect(mayHaveMissedFloor(a.vault, a.time)).toBe(true)
    // As a new device.
    const deviceKey = generateKeyPairSync('ed25519').privateKey
    const restored = openVault({ ...a.options, deviceKey, path: `${a.path}.backup` })
    expect(mayHaveMissedFloor(restored, a.time)).toBe(true)
    restored.close()
  })

  test.each([
    ['a copy made while it was closed', true],
    ['a copy made while it was open', false],
  ])('an old vault.db put back: %s', async (_, closed) => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a.vault, 'early')
    if (closed) a.vault.close()
    else a.vault.database.checkpoint()
    copyFileSync(a.path, `${a.path}.copy`)
    const log = closed ? a.reopen().ownLog : a.vault.ownLog
    put(a.vault, 'later')
    pull(b, a)
    a.vault.close()
    renameSync(`${a.path}.copy`, a.path)
    a.reopen()
    expectNewIncarnation(a.vault, log, 1)
    put(a.vault, 'after')
    await expectAlike(a, b, ['early', 'later', 'after'])
    // The log that came back is not taken for the one to write.
    const own = a.vault.ownLog
    expect(a.reopen().ownLog).toBe(own)
  })

  test('a vault put back under the file of a node that was killed lacks what the file marks', () => {
    using temporary = temporaryVault()
    put(temporary.vault, 'early')
    temporary.vault.database.checkpoint()
    copyFileSync(temporary.path, `${temporary.path}.copy`)
    put(temporary.vault, 'later')
    const log = temporary.vault.ownLog
    // As after a kill: the token of this opening is still there.
    temporary.vault.database.close()
    renameSync(`${temporary.path}.copy`, temporary.path)
    expectNewIncarnation(temporary.reopen(), log, 1)
  })

  test('a copied folder writes another log than the one it was copied from', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a.vault, 'before')
    a.vault.close()
    const folder = mkdtempSync(join(tmpdir(), 'vivim-copy-'))
    try {
      cpSync(a.folder, folder, { recursive: true, preserveTimestamps: true })
      const copy = openVault({ ...a.options, path: join(folder, 'vault.db') })
      const log = a.reopen().ownLog
      expectNewIncarnation(copy, log, 1)
      put(copy, 'in the copy')
      put(a.vault, 'in the first')
      expect(logsOf(a.vault)).toMatchObject([{ head_seq: 2 }])
      const { segments } = copy.readSegments({ ...copy.logs.frontier(copy.space)[1]!, sequence: 1 }, 9_999)
      b.replica.apply({ segments: a.vault.readSegments({ ...frontier(a)[0]!, sequence: 1 }, 9_999).segments })
      b.replica.apply({ segments })
      await expectAlike(a, b, ['before', 'in the copy', 'in the first'])
      copy.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('an old copy of the whole folder put back in its place', () => {
    using temporary = temporaryVault()
    put(temporary.vault, 'early')
    temporary.vault.close()
    const copy = `${temporary.folder}.copy`
    cpSync(temporary.folder, copy, { recursive: true, preserveTimestamps: true })
    const log = temporary.reopen().ownLog
    put(temporary.vault, 'later')
    temporary.vault.close()
    rmSync(temporary.folder, { recursive: true })
    cpSync(copy, temporary.folder, { recursive: true, preserveTimestamps: true })
    rmSync(copy, { recursive: true })
    expectNewIncarnation(temporary.reopen(), log, 1)
  })

  test('killed at any moment of opening, writing and closing: nothing acknowledged is lost, no log is added', {
    timeout: 120_000,
  }, async () => {
    using temporary = temporaryVault()
    put(temporary.vault, 'first')
    temporary.vault.close()
    const script = join(temporary.folder, 'opener.ts')
    const module = new URL('../../../daemon/vault/open-vault.ts', import.meta.url)
    const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' })
    const path = join(temporary.folder, 'killed.db')
    writeFileSync(
      script,
      `import { createPrivateKey, randomBytes } from 'node:crypto'
       import { openVault } from ${JSON.stringify(module.href)}
       for (let i = 0; ; i++) {
         const vault = openVault({ path: ${JSON.stringify(path)}, did: 'did:key:z6MkTest', deviceKey: createPrivateKey(${JSON.stringify(key)}),
           vaultKey: Buffer.alloc(32), spaceSecret: Buffer.alloc(32), now: Date.now, random: randomBytes })
         const id = process.argv[2] + '-' + i
         vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: 'Conversation', key: id, values: { title: id } }]))
         process.send({ id, logs: vault.logs.list(vault.space).length })
         vault.close()
       }`,
    )
    const acknowledged: string[] = []
    const random = seededRandom('openings').next
    let logs = 0
    for (let round = 0; round < 12; round++) {
      const child = fork(script, [`r${round}`], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
      const { promise: started, resolve: first } = Promise.withResolvers<void>()
      child.on('message', (message: { id: string; logs: number }) => {
        acknowledged.push(message.id)
        logs = Math.max(logs, message.logs)
        first()
      })
      await started
      await new Promise((resolve) => setTimeout(resolve, random() * 60))
      child.kill('SIGKILL')
      await new Promise((resolve) => child.once('close', resolve))
      rmSync(`${path}.lock`, { recursive: true, force: true }) // the daemon does this under its lock
    }
    const vault = openVault({ ...temporary.options, path, deviceKey: temporary.options.deviceKey })
    try {
      const present = new Set(rowsOf(vault))
      expect(acknowledged.length).toBeGreaterThanOrEqual(12)
      expect(acknowledged.filter((id) => !present.has(id))).toEqual([])
      expect(logs).toBe(1)
      expect(await problemsOf(vault)).toEqual([])
    } finally {
      vault.close()
    }
  })
})

const frontier = ({ vault }: PairedVault) => vault.logs.frontier(vault.space)
