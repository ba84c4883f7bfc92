import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Outbox } from '../../../daemon/master/outbox.ts'
import { OutboxPublisher } from '../../../daemon/master/outbox-publisher.ts'
import type { RecordKind } from '../../../daemon/master/record-kinds.ts'
import type { PutOutcome, Registry } from '../../../daemon/master/registry.ts'
import { VivimError } from '../../../schema/errors.ts'
import { Person } from './people.ts'
import { eventually, type RecordingLog, recordingLog, Temporary } from './temporary.ts'

const CHILD = fileURLToPath(new URL('./outbox-child.ts', import.meta.url))
const ann = new Person('Ann')
const bob = new Person('Bob')

let temporary: Temporary
let folder: string
let log: RecordingLog
beforeEach(() => {
  temporary = new Temporary()
  folder = join(temporary.folder(), 'outbox')
  log = recordingLog()
})
afterEach(() => temporary.undo())

const open = () => new Outbox(folder, log)
const sequencesOf = (outbox: Outbox) => outbox.waiting().map(({ kind, sequence }) => `${kind} ${sequence}`)

describe('an outbox', () => {
  it('keeps the newest record of each person and device, private, over restarts', () => {
    const outbox = open()
    outbox.add('device', ann.document({ sequence: 2 }))
    outbox.add('user', ann.record(5))
    outbox.add('user', ann.record(4))
    outbox.add('user', ann.record(6, 'Anna'))
    outbox.add('device', ann.document({ sequence: 1 }))
    outbox.add('device', ann.document({ device: 'phone', sequence: 9 }))
    outbox.add('user', bob.record(1))
    const expected = ['device 2', 'device 9', 'user 1', 'user 6']
    expect(sequencesOf(outbox).sort()).toEqual(expected)
    expect(sequencesOf(open()).sort()).toEqual(expected)
    expect(
      open()
        .waiting()
        .find(({ sequence }) => sequence === 6)?.bytes,
    ).toEqual(ann.record(6, 'Anna'))
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(folder)) {
      expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
      expect(name).not.toContain(ann.did)
    }
  })

  it('lets go of what was published, unless something newer came meanwhile, and of a person', () => {
    const outbox = open()
    outbox.add('user', ann.record(1))
    const [first] = outbox.waiting()
    outbox.add('user', ann.record(2))
    outbox.remove(first!)
    expect(sequencesOf(outbox)).toEqual(['user 2'])
    outbox.add('user', bob.record(1))
    outbox.add('device', ann.document())
    outbox.forget(ann.did)
    expect(sequencesOf(outbox)).toEqual(['user 1'])
    outbox.remove(outbox.waiting()[0]!)
    expect(open().size).toBe(0)
    expect(readdirSync(folder)).toEqual([])
  })

  it('takes nothing that does not verify', () => {
    const outbox = open()
    expect(() => outbox.add('user', ann.document())).toThrow(VivimError)
    expect(() => outbox.add('device', ann.document({ signer: 'Eve' }))).toThrow(VivimError)
    expect(open().size).toBe(0)
  })

  it('clears away what is no record: half-written, damaged, exchanged, or a folder', () => {
    const outbox = open()
    outbox.add('user', ann.record(1))
    outbox.add('user', bob.record(1))
    const [one, two] = readdirSync(folder).map((name) => join(folder, name))
    writeFileSync(one!, readFileSync(two!))
    writeFileSync(`${two}.tmp`, 'half')
    writeFileSync(join(folder, 'device-1'), 'x')
    mkdirSync(join(folder, 'user-1'))
    expect(open().size).toBe(1)
    expect(readdirSync(folder)).toHaveLength(1)
  })

  it('has everything it promised after kill -9', async () => {
    let promised = 0
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, [CHILD, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
      const gone = new Promise((resolve) => child.once('exit', resolve))
      let said = ''
      child.stdout.on('data', (data: Buffer) => {
        said += data.toString()
      })
      await eventually('it promised some', () => said.split('\n').length > 5 * round + 3)
      child.kill('SIGKILL')
      await gone
      const last = Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1))
      promised = Math.max(promised, last)
      const waiting = open().waiting()
      expect(waiting.map(({ kind }) => kind).sort()).toEqual(['device', 'user'])
      for (const { sequence } of waiting) expect(sequence).toBeGreaterThanOrEqual(promised)
    }
  })
})

/** A master of the test's own making: what it does next, and what it was given. */
class ScriptedMaster implements Pick<Registry, 'put'> {
  readonly taken: Uint8Array[] = []
  tries = 0
  next: (record: Uint8Array) => PutOutcome | Promise<PutOutcome> = () => 'stored'

  readonly put = async (_: RecordKind, record: Uint8Array): Promise<PutOutcome> => {
    this.tries++
    const outcome = await this.next(record)
    this.taken.push(record)
    return outcome
  }
}

describe('publishing', () => {
  let master: ScriptedMaster
  let outbox: Outbox
  let publisher: OutboxPublisher
  const counted: string[] = []
  const taken: Uint8Array[] = []
  let emptied = 0
  beforeEach(() => {
    master = new ScriptedMaster()
    outbox = open()
    counted.length = 0
    publisher = new OutboxPublisher({
      outbox,
      registry: master,
      log,
      count: (name) => void counted.push(name),
      chance: () => 0,
      onTaken: ({ bytes }) => void taken.push(bytes),
      onEmpty: () => void emptied++,
    })
    temporary.after(() => publisher.stop())
  })

  it('brings everything once, whether the master had it or not', async () => {
    outbox.add('user', ann.record(1))
    outbox.add('device', ann.document())
    master.next = () => (master.tries === 1 ? 'stored' : 'stale')
    publisher.hurry()
    await eventually('all are published', () => outbox.size === 0)
    expect(master.tries).toBe(2)
    expect(counted.sort()).toEqual(['master.published.stale', 'master.published.stored'])
    expect(taken).toHaveLength(2)
    expect(emptied).toBe(1)
  })

  it('tries again by itself, at once when there is reason to, and asks a dead master one thing only', async () => {
    outbox.add('user', ann.record(1))
    outbox.add('user', bob.record(1))
    master.next = () => Promise.reject(new VivimError('Unavailable'))
    publisher.hurry()
    const ms = await eventually('it tried again', () => master.tries >= 2)
    expect(ms).toBeGreaterThan(200)
    expect(outbox.size).toBe(2)
    master.next = () => 'stored'
    publisher.hurry()
    await eventually('all are published', () => outbox.size === 0, 5_000)
  })

  it('drops what the master refuses for good, and goes on with the others', async () => {
    outbox.add('user', ann.record(1))
    outbox.add('user', bob.record(1))
    const refused = ann.record(1)
    master.next = (record) => {
      if (Buffer.compare(record, refused) === 0) throw new VivimError('InvalidParams')
      return 'stored'
    }
    publisher.hurry()
    await eventually('nothing waits', () => outbox.size === 0)
    expect(master.taken).toEqual([bob.record(1)])
    expect(log.text()).toContain('refused a record for good')
  })

  it('keeps what may fit later without holding up the others', async () => {
    outbox.add('device', ann.document())
    outbox.add('user', bob.record(1))
    let full = true
    master.next = (record) => {
      if (full && Buffer.compare(record, ann.document()) === 0) throw new VivimError('Exhausted')
      return 'stored'
    }
    publisher.hurry()
    await eventually('the other one is published', () => outbox.size === 1)
    full = false
    await eventually('it fits', () => outbox.size === 0)
  })

  it('publishes what came while it was publishing, the newer in the place of the older', async () => {
    outbox.add('user', ann.record(1))
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<PutOutcome>()
    master.next = () => {
      asked.resolve()
      return answer.promise
    }
    publisher.hurry()
    await asked.promise
    outbox.add('user', ann.record(2))
    publisher.hurry()
    master.next = () => 'stored'
    answer.resolve('stored')
    await eventually('nothing waits', () => outbox.size === 0)
    expect(master.taken).toEqual([ann.record(1), ann.record(2)])
  })

  it('stops, and leaves what waits where it is', async () => {
    outbox.add('user', ann.record(1))
    master.next = () => Promise.reject(new VivimError('Unavailable'))
    publisher.hurry()
    await eventually('it tried', () => master.tries === 1)
    await publisher.stop()
    publisher.hurry()
    expect(master.tries).toBe(1)
    expect(open().size).toBe(1)
  })
})
