import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Client } from '../../rpc/client/index.ts'
import { apart, converged, type Pair, pair } from './device-scenes.ts'
import { expect } from './expect.ts'
import { ask, crash, importExports, showKnowledge, showSealing } from './knowledge-scenes.ts'
import { MasterDatabase } from './master-database.ts'
import { openMaster, outage } from './master-scenes.ts'
import { NodeUnderDemo } from './node-under-demo.ts'
import { duration, oneLine, Stage } from './stage.ts'

/** Homes below a longer folder could not hold their sockets. */
const BASE_LENGTH = 50

const folder = mkdtempSync(join(tmpdir().length > BASE_LENGTH ? '/tmp' : tmpdir(), 'vivimd-demo-'))
const stage = new Stage()
const hub = new NodeUnderDemo(folder, 'hub')
const desk = new NodeUnderDemo(folder, 'desk')
const laptop = new NodeUnderDemo(folder, 'laptop')
const nodes = { hub, desk, laptop }
const database = new MasterDatabase(hub)

async function startDesk(master: string): Promise<{ did: string; client: Client }> {
  stage.step('A node in an empty home, and a user')
  stage.typed('desk', 'vivimd init --name Mira --join /ip4/127.0.0.1/…')
  const init = await desk.init<{ did: string; recoveryPhrase: string }>('--name', 'Mira', '--join', master)
  const words = init.recoveryPhrase.split(' ')
  stage.said(
    `user ${init.did}\nrecovery phrase: ${words.slice(0, 3).join(' ')} … (${words.length} words, shown once)`,
  )
  stage.typed('desk', 'vivimd start')
  const { pid, readyMs } = await desk.start()
  stage.said(`process ${pid}, ready in ${duration(readyMs)}`)
  return { did: init.did, client: await desk.connect(init.did) }
}

async function startLaptop(master: string): Promise<void> {
  stage.step('A node for a second device, without a user')
  stage.typed('laptop', 'vivimd init --no-user --join /ip4/127.0.0.1/…')
  await laptop.init('--no-user', '--join', master)
  stage.typed('laptop', 'vivimd start')
  const { pid, readyMs } = await laptop.start()
  stage.said(`process ${pid}, ready in ${duration(readyMs)}`)
}

async function finish(both: Pair): Promise<void> {
  stage.step('Nothing is lost, nothing is left')
  const { digest } = await converged(both)
  const [here, there] = await Promise.all([both.desk.call('sync.verify'), both.laptop.call('sync.verify')])
  for (const { ok, problems } of [here, there]) expect(ok, `verification found ${problems.length} problems`)
  expect(here.operations === there.operations, 'one device has more operations than the other')
  stage.checked(
    `${here.operations} signed operations verified on each, digest ${digest.slice(0, 16)}… on both`,
  )
  for (const node of [laptop, desk, hub]) {
    await node.closeClients()
    stage.typed(node.name, 'vivimd stop')
    stage.said(await node.run('stop'))
  }
  const left = [laptop, desk, hub].flatMap((node) => node.leftovers())
  expect(left.length === 0, `left behind: ${left.join(', ')}`)
  stage.checked('no process, no socket left; the homes are removed now')
}

async function play(): Promise<void> {
  stage.title('vivimd: a personal knowledge node; here three of them, on this machine only')
  const master = await openMaster(stage, hub, database)
  const { did, client } = await startDesk(master)
  await importExports(stage, desk, client)
  await showKnowledge(stage, desk, client)
  showSealing(stage, desk)
  await ask(stage, desk, client)
  const after = await crash(stage, desk, client, did)
  await startLaptop(master)
  const both = await pair(stage, desk, laptop, did, after)
  await apart(stage, laptop, both)
  await outage(stage, nodes, database, both)
  await finish(both)
}

/** Ends everything that was started, removes every file. Answers what would not go. */
async function cleanUp(): Promise<string[]> {
  await database.letBack()
  for (const node of [laptop, desk, hub]) await node.dispose()
  await database.dispose()
  const left = [laptop, desk, hub].flatMap((node) => node.leftovers())
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  return left
}

let leaving = false
async function leave(code: number, line: string): Promise<void> {
  if (leaving) return
  leaving = true
  const left = await cleanUp().catch((error: unknown) => [String(error)])
  const [status, last] =
    left.length === 0 ? [code, line] : [code || 1, `${line} Left behind: ${left.join(', ')}`]
  if (status === 0) console.log(`\n${last}`)
  else console.error(`\n${last}`)
  process.exitCode = status
  // Calls that were under way may hold the process; there is nothing left to wait for.
  process.exit()
}

process.once('SIGINT', () => void leave(130, 'Interrupted; everything is cleaned up.'))
process.once('SIGTERM', () => void leave(143, 'Ended; everything is cleaned up.'))
process.once('SIGHUP', () => void leave(129, 'The terminal is gone; everything is cleaned up.'))
// Whoever read the output may be gone: `| head` is.
for (const output of [process.stdout, process.stderr])
  output.on('error', () => void leave(1, 'Nobody reads this.'))
process.on('uncaughtException', (error) => void leave(1, `The demo failed: ${oneLine(error.message, 300)}`))

play().then(
  () => leave(0, `Done in ${duration(stage.elapsedMs)}: all steps passed and nothing is left behind.`),
  (error: unknown) =>
    leave(1, `The demo failed: ${error instanceof Error ? oneLine(error.message, 300) : String(error)}`),
)
