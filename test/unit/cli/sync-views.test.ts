import { expect, test } from 'vitest'
import { CommandLine } from './command-line.ts'

const LAPTOP = 'did:key:z6MkLaptop'
const at = Date.UTC(2026, 1, 14, 17, 5)
const space = (over: object = {}) => ({
  space: 'ab',
  kind: 'private',
  operations: 12,
  frontierDigest: 'f',
  stateDigest: 's',
  holds: 0,
  membership: { head: '00', entries: 0, forkedAt: null },
  clock: { suspect: false, waiting: 0, aheadMs: null },
  peers: [],
  alarms: [],
  ...over,
})

test('sync status says in words how far each device has come, and what is wrong', async () => {
  const peer = {
    deviceDid: LAPTOP,
    name: 'Laptop',
    connected: true,
    behind: 12,
    lastSeenAt: at,
    upTo: at,
    mailbox: null,
  }
  const alarm = { deviceDid: LAPTOP, name: 'Laptop', at, rows: 3, remade: 1, names: ['Conversation abc'] }
  const line = new CommandLine({
    'sync.status': () => ({
      spaces: [space({ peers: [{ ...peer, audit: { at, result: 'different' } }], alarms: [alarm] })],
    }),
  })
  expect(await line.run('sync', 'status')).toBe(0)
  expect(line.io.stdout).toMatch(
    /^Laptop: caught up to 2026-02-14 \d\d:05, 12 operations on the way \(connected\), rows compared .+: not the same$/m,
  )
  expect(line.io.stdout).toMatch(
    /^ALARM 2026-02-14 .+ Laptop showed something else\. 3 rows differed, 1 of them wrong here/m,
  )
  expect(line.io.stdout).toContain('  Conversation abc\n  and 2 more\n')
})

test.each([
  [{ operations: 12, full: false, at }, 'Laptop: caught up', ', 12 operations left at the bootstrap node'],
  [
    { operations: 1, full: true, at },
    'Laptop: caught up',
    ', 1 operation left at the bootstrap node, which has no room',
  ],
])('sync status says what waits in a mailbox: %j', async (mailbox, ...words) => {
  const peer = {
    deviceDid: LAPTOP,
    name: 'Laptop',
    connected: false,
    behind: 12,
    lastSeenAt: at,
    upTo: at,
    audit: null,
  }
  const line = new CommandLine({
    'sync.status': () => ({ spaces: [space({ peers: [{ ...peer, mailbox }] })] }),
  })
  expect(await line.run('sync', 'status')).toBe(0)
  for (const part of words) expect(line.io.stdout).toContain(part)
})

test.each([
  [{ suspect: false, waiting: 0, aheadMs: 400 }, ''],
  [
    { suspect: true, waiting: 1, aheadMs: 26 * 3_600_000 },
    'The clock of this device is 1 day ahead of your other devices: set it right. 1 operation written here wait',
  ],
  [
    { suspect: true, waiting: 3, aheadMs: null },
    'The clock of this device could not be compared with your other devices for a while. 3 operations',
  ],
])('sync status says what is wrong with the clock: %j', async (clock, sentence) => {
  const line = new CommandLine({ 'sync.status': () => ({ spaces: [space({ clock })] }) })
  expect(await line.run('sync', 'status')).toBe(0)
  if (sentence) expect(line.io.stdout).toContain(sentence)
  else expect(line.io.stdout).not.toContain('The clock')
})

test.each([
  [['same', 'same'], 0],
  [['same', 'different'], 1],
  [['unreachable', 'different'], 1],
  [['same', 'incomparable'], 7],
  [['unreachable'], 7],
  [[], 0],
])('sync audit: %j ends with %i', async (results, status) => {
  const devices = results.map((result) => ({ deviceDid: LAPTOP, result, at }))
  const line = new CommandLine({ 'sync.audit': () => ({ devices }) })
  expect(await line.run('sync', 'audit')).toBe(status)
  expect(await line.run('sync', 'audit', '--peer', 'Laptop')).toBe(status)
  expect(line.calls.at(-1)).toEqual(['sync.audit', { peer: 'Laptop' }])
})

test('sync holds says why operations wait, and until when', async () => {
  const hold = {
    deviceDid: LAPTOP,
    sequence: 4,
    hlcTimestamp: 't',
    reason: 'future',
    until: at,
    tableName: 'Message',
  }
  const line = new CommandLine({
    'sync.holds': () => ({ items: [hold, { ...hold, reason: 'schema', until: null }], nextCursor: 'next' }),
  })
  expect(await line.run('sync', 'holds')).toBe(0)
  expect(line.io.stdout).toMatch(/^stamped ahead of time +2026-02-14 .+ Message +t +did:key:z6MkLaptop 4$/m)
  expect(line.io.stdout).toMatch(/^of a newer program +- /m)
  expect(line.io.stdout).toContain('More: --cursor next')
})
