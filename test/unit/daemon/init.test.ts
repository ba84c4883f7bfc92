import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { peerIdOf } from '../../../daemon/identity/node-key.ts'
import { initCommand } from '../../../daemon/init-command.ts'
import { initServices } from '../../../daemon/init-services.ts'
import { acquireDataLock } from '../../../daemon/lock.ts'
import { runCli } from '../../../rpc/cli/index.ts'
import { RecordedIo } from '../cli/recorded-io.ts'

let folder: string
let home: string
let io: RecordedIo
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivimd-init-'))
  home = join(folder, 'home')
  io = new RecordedIo()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const fail = async () => {
  throw new Error('not here')
}
async function init(...argv: string[]): Promise<number> {
  io.stdout = ''
  io.stderr = ''
  let next = 0
  const command = initCommand({
    services: initServices,
    version: 'test',
    startedAt: 0,
    randomInteger: (below) => next++ % below,
  })
  return runCli(['init', '--home', home, ...argv], {
    io,
    env: { HOME: folder },
    cwd: folder,
    version: () => 'test',
    local: { init: async () => command, start: fail, stop: fail },
  })
}
async function json(...argv: string[]) {
  expect(await init('--json', ...argv), io.stdout + io.stderr).toBe(0)
  return JSON.parse(io.stdout) as Record<string, string>
}
const settings = () =>
  JSON.parse(readFileSync(join(home, 'config.json'), 'utf8')) as { network: { listen: string } }

describe('init', () => {
  it('makes a private home, a node key, a kept port and a user with 24 words', async () => {
    const result = await json('--name', 'Ann', '--non-interactive')
    expect(Object.keys(result)).toEqual(['home', 'peerId', 'role', 'did', 'deviceDid', 'recoveryPhrase'])
    expect(result).toMatchObject({ home, role: 'solo', peerId: expect.stringMatching(/^12D3KooW\w{44}$/) })
    expect(result.recoveryPhrase!.split(' ')).toHaveLength(24)
    for (const entry of readdirSync(home, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      expect(statSync(path).mode & 0o777, path).toBe(entry.isDirectory() ? 0o700 : 0o600)
    }
    const port = Number(settings().network.listen.split('/').at(-1))
    expect(port).toBeGreaterThan(1_023)
    const refused = await new Promise((resolve) => {
      connect(port, '127.0.0.1')
        .once('error', () => resolve(true))
        .once('connect', () => resolve(false))
    })
    expect(refused).toBe(true)
  })

  it('changes nothing the second time, and shows the phrase no more', async () => {
    const first = await json('--name', 'Ann')
    const before = snapshot()
    const { recoveryPhrase: _, ...rest } = first
    expect(await json('--name', 'Somebody else')).toEqual(rest)
    expect(snapshot()).toEqual(before)
  })

  it('makes no user with --no-user, and says how to', async () => {
    expect(await json('--no-user')).toEqual({ home, peerId: expect.any(String), role: 'solo' })
    expect(await init('--no-user')).toBe(0)
    expect(io.stdout).toContain('vivimd user create')
    expect(io.stdout).toContain('Next: vivimd start')
  })

  it('keeps the address it was given, and replaces port 0 once', async () => {
    await json('--no-user', '--listen', '/ip4/127.0.0.1/tcp/0')
    const kept = settings().network.listen
    expect(kept).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9]\d+$/)
    await json('--no-user')
    expect(settings().network.listen).toBe(kept)
    await json('--no-user', '--listen', '/ip4/10.0.0.1/tcp/4001')
    expect(settings().network.listen).toBe('/ip4/10.0.0.1/tcp/4001')
  })

  it('asks for a passphrase and three words on a terminal', async () => {
    io.inIsTerminal = true
    let phrase: string[] = []
    const answers = ['secret', 'secret']
    io.ask = async (question) => {
      io.asked.push({ question, hidden: false })
      if (question.includes('assphrase') || question.includes('same')) return answers.shift()!
      phrase = [...io.stdout.matchAll(/(\d+) ([a-z]+)/g)]
        .sort((a, b) => Number(a[1]) - Number(b[1]))
        .map((m) => m[2]!)
      const place = Number(/\d+/.exec(question)![0])
      return io.asked.filter((asked) => asked.question === question).length === 1 && place === 1
        ? 'wrong'
        : phrase[place - 1]!
    }
    expect(await init('--name', 'Ann')).toBe(0)
    expect(phrase).toHaveLength(24)
    expect(io.asked.map(({ question }) => question).slice(2)).toEqual([
      'Word 1: ',
      'Word 1: ',
      'Word 2: ',
      'Word 3: ',
    ])
    const [user] = await initServices.listUsers({ keys: join(home, 'keys') } as never)
    expect(user).toMatchObject({ displayName: 'Ann', unattended: false })
  })

  it('keeps the role and the master it was told, and says how others join', async () => {
    const first = await json('--no-user', '--role', 'bootstrap', '--listen', '/ip4/127.0.0.1/tcp/4001')
    expect(first.role).toBe('bootstrap')
    expect(settings()).toMatchObject({ role: 'bootstrap' })
    await init('--no-user')
    expect(io.stdout).toContain(`vivimd init --join /ip4/127.0.0.1/tcp/4001/p2p/${first.peerId}`)
    expect(await json('--no-user')).toEqual(first)

    const master = `/ip4/127.0.0.1/tcp/4001/p2p/${first.peerId}`
    home = join(folder, 'member')
    expect((await json('--no-user', '--join', master)).role).toBe('member')
    expect(settings()).toMatchObject({ role: 'member', network: { join: master } })
    const before = snapshot()
    expect((await json('--no-user')).role).toBe('member')
    expect(snapshot()).toEqual(before)
    await init('--no-user')
    expect(io.stdout).toContain(master)
  })

  it('refuses roles that cannot be, before it makes anything', async () => {
    const peerId = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
    for (const [options, hint] of [
      [['--role', 'member'], '--join'],
      [['--join', '/ip4/1.2.3.4/tcp/1'], '/p2p/'],
      [['--join', '/ip4/1.2.3.4/tcp/1/p2p/12D3KooW'], 'multiaddr'],
      [['--role', 'bootstrap', '--join', `/ip4/1.2.3.4/tcp/1/p2p/${peerId}`], 'joins nobody'],
      [['--role', 'solo', '--join', `/ip4/1.2.3.4/tcp/1/p2p/${peerId}`], 'joins nobody'],
    ] as const) {
      expect(await init(...options), options.join(' ')).toBe(2)
      expect(io.stderr).toContain(hint)
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('refuses what it cannot do: a work tree, a folder with other things, a home in use', async () => {
    expect(await init('--role', 'king')).toBe(2)
    expect(await init('--listen', 'localhost')).toBe(2)
    expect(readdirSync(folder)).toEqual([])
    mkdirSync(join(folder, '.git'))
    expect(await init('--no-user')).toBe(4)
    expect(io.stderr).toContain('--force')
    expect(await init('--no-user', '--force')).toBe(0)
    rmSync(join(folder, '.git'), { recursive: true })
    const lock = await acquireDataLock({
      home,
      run: join(home, 'run'),
      users: join(home, 'users'),
      version: '',
      startedAt: 0,
    })
    expect(await init('--no-user')).toBe(6)
    await lock.release()
    home = join(folder, 'documents')
    mkdirSync(home, { mode: 0o755 })
    writeFileSync(join(home, 'letter.txt'), 'x')
    expect(await init('--no-user')).toBe(6)
    expect(statSync(home).mode & 0o777).toBe(0o755)
  })

  it('says when its key was damaged, rather than make another', async () => {
    await json('--no-user')
    writeFileSync(join(home, 'keys/node/key.json'), '{}')
    expect(await init('--no-user')).toBe(1)
    expect(io.stderr).toContain('key file')
  })
})

describe('a peer id', () => {
  it('is that of the libp2p specification', () => {
    // An identity multihash of the protobuf of the key; the second line is the well-known id of the all-zero seed.
    const key = publicKeyBytes(privateKeyOfSeed(new Uint8Array(32)))
    const id = peerIdOf(key)
    expect(Buffer.from(base58Decoded(id)).toString('hex')).toBe(
      `002408011220${Buffer.from(key).toString('hex')}`,
    )
    expect(id).toBe('12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN')
  })
})

/** Written for this test, by the definition: base 58 digits, leading ones are zero bytes. */
function base58Decoded(text: string): Uint8Array {
  const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  let number = 0n
  for (const digit of text) number = number * 58n + BigInt(digits.indexOf(digit))
  const zeros = /^1*/.exec(text)![0].length
  const hex = number.toString(16)
  return Buffer.from('00'.repeat(zeros) + (hex.length % 2 ? `0${hex}` : hex), 'hex')
}

function snapshot(): [string, string][] {
  return readdirSync(home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry): [string, string] => {
      const path = join(entry.parentPath, entry.name)
      return [path, createHash('sha256').update(readFileSync(path)).digest('hex')]
    })
    .sort()
}
