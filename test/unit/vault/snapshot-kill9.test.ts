import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import type { InstallOrder } from '../../support/install-child.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { meet } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const KILLS = 12
const CHILD = join(import.meta.dirname, '../../support/install-child.ts')

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string, title = 'x'.repeat(2_000)): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const problems = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})).problems
const titleOf = ({ vault }: PairedVault, id: string) =>
  vault.get<{ title: string | null }>('SELECT custom_title AS title FROM conversations WHERE id = ?', [id])
    ?.title

type Files = ReadonlyMap<string, Uint8Array>

const filesOf = (folder: string): Files =>
  new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))

function putBack(folder: string, files: Files): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  for (const [name, bytes] of files) writeFileSync(join(folder, name), bytes)
}

/** Runs the child, kills it that many ms after it began to install; Infinity: once it has. Answers what it said. */
async function killed(
  order: InstallOrder,
  folder: string,
  ms: number,
): Promise<{ said: string; took: number }> {
  const file = join(folder, 'order.json')
  writeFileSync(file, JSON.stringify(order))
  const child = spawn(process.execPath, [CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  let began = 0
  const ended = once(child, 'exit')
  const until = async (word: string) => {
    while (!said.includes(word)) {
      const chunk = await Promise.race([once(child.stdout, 'data'), ended.then(() => undefined)])
      if (!chunk) throw new Error(`the child ended after: ${said}`)
      said += String(chunk[0])
      if (!began && said.includes('installing')) began = performance.now()
    }
  }
  await until('installing')
  if (ms === Infinity) await until('installed')
  else await after(ms)
  const took = performance.now() - began
  child.stdout.on('data', (data) => {
    said += String(data)
  })
  child.kill('SIGKILL')
  await ended
  return { said, took }
}

test('killed at any moment of beginning again, a vault is the old one or the new one, and nothing is lost', {
  timeout: 300_000,
}, async () => {
  using three = pairedVaults(3)
  const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
  put(a, ...Array.from({ length: 800 }, (_, n) => insert(`n${n}`)), insert('gone'))
  meet(a, b)
  meet(a, c)
  for (const vault of [a, b]) vault.time += 10 * DAY
  put(a, { kind: 'DELETE', entity: 'Conversation', key: 'gone' })
  meet(a, b)
  for (const days of [100, 100]) {
    for (const vault of [a, b]) vault.time += days * DAY
    meet(a, b)
    for (let round = 0; round < 6; round++) {
      for (const vault of [a, b]) await new Upkeep(vault.vault, vault.deviceDid).run(async () => {}, true)
      meet(a, b)
    }
  }
  c.time = a.time
  put(
    c,
    { kind: 'UPDATE', entity: 'Conversation', key: 'n1', values: { custom_title: 'written while away' } },
    insert('made while away'),
  )
  const { header } = a.replica.makeSnapshot({})
  const { root, total } = c.replica.beginSnapshot({ header })
  for (let position = 0; position < total; position++)
    c.replica.storeChunk({ root, position, bytes: a.replica.readChunk({ root, position }).bytes })
  const digest = digestOf(c)
  c.vault.close()
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const order: InstallOrder = {
    path: c.path,
    did: three.did,
    deviceKey: c.options.deviceKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    vaultKey: base64(c.options.vaultKey),
    spaceSecret: base64(c.options.spaceSecret),
    time: c.time,
    root: base64(root),
  }
  const before = filesOf(c.folder)
  const whole = await killed(order, c.folder, Infinity)
  const outcomes = { old: 0, new: 0 }
  for (let kill = 0; kill <= KILLS; kill++) {
    putBack(c.folder, before)
    await killed(order, c.folder, kill === KILLS ? Infinity : (whole.took * kill) / KILLS)
    // As the start of a node does, which alone may.
    rmSync(`${c.path}.lock`, { recursive: true, force: true })
    c.reopen()
    const isOld = digestOf(c) === digest
    outcomes[isOld ? 'old' : 'new']++
    expect(await problems(c)).toEqual([])
    expect(titleOf(c, 'n1')).toBe('written while away')
    const recovered = c.vault.get<{ n: number }>('SELECT count(*) AS n FROM recovered_items')!.n
    expect(recovered).toBe(isOld ? 0 : 1)
    c.vault.close()
  }
  console.log(
    `killed ${KILLS + 1} times within ${Math.round(whole.took)} ms: ${outcomes.old} old, ${outcomes.new} new`,
  )
  expect(outcomes.new).toBeGreaterThan(0)
  expect(outcomes.old).toBeGreaterThan(0)
  c.reopen()
  c.time = a.time
  meet(a, c)
  meet(a, b)
  for (const vault of [a, b, c]) {
    expect(digestOf(vault)).toBe(digestOf(a))
    expect(titleOf(vault, 'n1')).toBe('written while away')
    expect(vault.vault.get("SELECT 1 FROM conversations WHERE id = 'gone'")).toBeUndefined()
    expect(await problems(vault)).toEqual([])
  }
})
