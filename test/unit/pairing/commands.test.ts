import { describe, expect, it } from 'vitest'
import { Interrupted } from '../../../rpc/cli/io.ts'
import { VivimError } from '../../../schema/errors.ts'
import { ANN, type Answers, CommandLine } from '../cli/command-line.ts'

const DEVICE = 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'
const status = (state: string, side = 'started', pairingId = 'p1') => ({
  pairingId,
  side,
  state,
  did: ANN,
  ...(state === 'waiting' ? {} : { check: '042137', deviceName: 'phone\u001b[2J', deviceDid: DEVICE }),
  expiresAt: 0,
})
const started = { pairingId: 'p1', code: 'vivim1abc', qr: '█▀█\n', expiresAt: 0 }
const confirmed = (complete: boolean) => ({ deviceDid: DEVICE, spaces: ['00'], complete })
const joined = { pairingId: 'p1', did: ANN, check: '042137' }

function terminal(answers: Answers, ...typed: (string | Interrupted)[]): CommandLine {
  const line = new CommandLine(answers)
  Object.assign(line.io, { inIsTerminal: true, outIsTerminal: true, errIsTerminal: true })
  line.io.answers.push(...typed)
  return line
}
/** Gives the next answer at each call, and the last one for ever. */
const inTurn = (...answers: object[]) => {
  let at = 0
  return () => answers[Math.min(at++, answers.length - 1)]
}

describe('device pair', () => {
  it('prints the code and ends where nobody can be asked', async () => {
    const line = new CommandLine({ 'devices.pair.start': () => started })
    expect(await line.run('device', 'pair', '--json')).toBe(0)
    expect(line.json).toEqual(started)
    expect(await line.run('device', 'pair')).toBe(0)
    expect(line.io.stdout).toContain('vivimd device join vivim1abc')
    expect(line.io.stdout).toContain('█▀█')
  })

  it('waits on a terminal, shows the digits, asks and sees it through', async () => {
    const states = inTurn(status('waiting'), status('joined'), status('confirmed'), status('done'))
    const line = terminal(
      {
        'devices.pair.start': () => started,
        'devices.pair.status': states,
        'devices.pair.confirm': () => confirmed(false),
      },
      'y',
    )
    expect(await line.run('device', 'pair')).toBe(0)
    expect(line.io.asked[0]?.question).toContain('042 137')
    expect(line.io.asked[0]?.question).not.toContain('\u001b')
    expect(line.calls).toContainEqual(['devices.pair.confirm', { pairingId: 'p1', check: '042137' }])
    expect(line.io.stderr).toContain('Now confirm on the other device.')
    expect(line.io.stdout).toContain(`Paired: ${DEVICE}`)
  })

  it.each([
    ['no', 6],
    ['', 6],
  ])('answered with %j it cancels', async (answer, exit) => {
    const line = terminal(
      {
        'devices.pair.start': () => started,
        'devices.pair.status': () => status('joined'),
        'devices.pair.cancel': () => status('failed'),
      },
      answer,
    )
    expect(await line.run('device', 'pair')).toBe(exit)
    expect(line.methods()).toContain('devices.pair.cancel')
    expect(line.methods()).not.toContain('devices.pair.confirm')
  })

  it('ended with Ctrl-C it cancels, while it asks and while it waits', async () => {
    const answers: Answers = {
      'devices.pair.start': () => started,
      'devices.pair.status': () => status('joined'),
      'devices.pair.cancel': () => status('failed'),
    }
    const asking = terminal(answers, new Interrupted())
    expect(await asking.run('device', 'pair')).toBe(130)
    expect(asking.methods()).toContain('devices.pair.cancel')
    const waiting = terminal({
      ...answers,
      'devices.pair.status': () => {
        setImmediate(() => waiting.io.interrupt())
        return status('waiting')
      },
    })
    expect(await waiting.run('device', 'pair')).toBe(130)
    expect(waiting.methods()).toContain('devices.pair.cancel')
  })

  it('says when the time is over', async () => {
    const line = terminal({
      'devices.pair.start': () => started,
      'devices.pair.status': inTurn(status('waiting'), status('expired')),
    })
    expect(await line.run('device', 'pair')).toBe(4)
    expect(line.io.stderr).toContain('expired')
  })
})

describe('device join', () => {
  it('takes a code in pieces or from standard input, a name, and needs no session', async () => {
    const line = new CommandLine({ 'devices.pair.join': () => joined })
    expect(await line.run('device', 'join', 'vivim1abc', 'def', '--name', 'my phone', '--json')).toBe(0)
    expect(line.json).toEqual(joined)
    line.io.input = ' vivim1xyz\n'
    expect(await line.run('device', 'join', '-')).toBe(0)
    expect(line.io.stdout).toContain('042 137')
    expect(line.calls).toEqual([
      ['devices.pair.join', { code: 'vivim1abcdef', deviceName: 'my phone' }],
      ['devices.pair.join', { code: 'vivim1xyz' }],
    ])
    expect(await line.run('device', 'join')).toBe(2)
  })

  it('takes the passphrase from the environment, or asks twice', async () => {
    const line = new CommandLine({ 'devices.pair.join': () => joined })
    line.env = { ...line.env, VIVIM_PASSPHRASE: 'one two' }
    await line.run('device', 'join', 'vivim1abc')
    await line.run('device', 'join', 'vivim1abc', '--unattended')
    expect(line.calls.map(([, params]) => params)).toEqual([
      { code: 'vivim1abc', passphrase: 'one two' },
      { code: 'vivim1abc' },
    ])
    const asked = terminal(
      {
        'devices.pair.join': () => joined,
        'devices.pair.status': () => status('joined', 'joined'),
        'devices.pair.confirm': () => confirmed(true),
      },
      'three',
      'three',
      'yes',
    )
    expect(await asked.run('device', 'join', 'vivim1abc')).toBe(0)
    expect(asked.calls[0]).toEqual(['devices.pair.join', { code: 'vivim1abc', passphrase: 'three' }])
    expect(asked.io.stdout).toContain('Paired')
  })

  it('with --wait returns when all is done, and fails with the pairing', async () => {
    const states = inTurn(status('joined', 'joined'), status('done', 'joined'))
    const line = new CommandLine({ 'devices.pair.join': () => joined, 'devices.pair.status': states })
    expect(await line.run('device', 'join', 'vivim1abc', '--wait', '--json')).toBe(0)
    expect(line.json).toEqual(joined)
    line.answers['devices.pair.status'] = () => status('failed', 'joined')
    expect(await line.run('device', 'join', 'vivim1abc', '--wait')).toBe(6)
  })
})

describe('device confirm', () => {
  const unauthorized = () => {
    throw new VivimError('Unauthorized')
  }

  it('needs no session for what this node joined, and signs in for what it began', async () => {
    const line = new CommandLine({
      'devices.pair.status': () => status('joined', 'joined'),
      'devices.pair.confirm': () => confirmed(false),
    })
    expect(await line.run('device', 'confirm', '042', '137')).toBe(0)
    expect(line.methods()).toEqual(['devices.pair.status', 'devices.pair.confirm'])
    line.calls.length = 0
    line.answers['devices.pair.status'] = unauthorized
    expect(await line.run('device', 'confirm', '042137', '--pairing', 'p2')).toBe(0)
    expect(line.methods()).toEqual([
      'devices.pair.status',
      'users.list',
      'auth.login',
      'devices.pair.confirm',
    ])
    expect(line.calls.at(-1)).toEqual(['devices.pair.confirm', { check: '042137', pairingId: 'p2' }])
    expect(await line.run('device', 'confirm', '4213')).toBe(2)
  })
})

describe('device revoke and lost', () => {
  const revoked = {
    deviceDid: DEVICE,
    name: 'pho\u001bne',
    revokedAt: 0,
    epoch: 1,
    remaining: [ANN],
    admitted: [],
    couldRead: { conversations: 2, messages: 7, behind: 3, lastSeenAt: null },
  }

  it('ask for the words, and take the passphrase where one is given', async () => {
    const line = terminal({ 'devices.revoke': () => revoked }, 'twenty  four words ')
    expect(await line.run('device', 'revoke', 'my', 'phone')).toBe(0)
    expect(line.calls.at(-1)).toEqual([
      'devices.revoke',
      { device: 'my phone', recoveryPhrase: 'twenty four words' },
    ])
    expect(line.io.stdout).toContain('is taken out')
    expect(line.io.stdout).not.toContain('\u001b')
    line.env.VIVIM_PASSPHRASE = 'correct horse'
    expect(await line.run('device', 'lost', DEVICE)).toBe(0)
    expect(line.calls.at(-1)).toEqual(['devices.revoke', { device: DEVICE, passphrase: 'correct horse' }])
    expect(line.io.stdout).toContain('2 conversations with 7 messages: all but the last 3 operations')
    expect(await line.run('device', 'revoke')).toBe(2)
  })
})

describe('device renew', () => {
  it('asks for the words, and says until when', async () => {
    const renewed = { deviceDid: DEVICE, certifiedUntil: Date.UTC(2027, 4, 6, 12) }
    const line = terminal({ 'devices.renew': () => renewed }, 'twenty  four words ')
    expect(await line.run('device', 'renew')).toBe(0)
    expect(line.calls.at(-1)).toEqual(['devices.renew', { recoveryPhrase: 'twenty four words' }])
    expect(line.io.stdout).toContain('certified until 2027-05-06')
  })
})

describe('device log and resolve', () => {
  it('show both versions, and settle on one', async () => {
    const of = (hash: string, more: object) => ({
      ...{ number: 1, hash: hash.repeat(64), previous: '0'.repeat(64), kind: 'revoke', deviceDid: DEVICE },
      ...{ name: 'pho\u001bne', chosen: null, at: 0, state: 'counts', ...more },
    })
    const line = terminal(
      {
        'devices.log': () => ({ forkedAt: 1, entries: [of('a', {}), of('b', { kind: 'admit' })] }),
        'devices.resolve': (params) => params,
      },
      'twenty  four words ',
    )
    expect(await line.run('device', 'log')).toBe(0)
    expect(line.io.stdout).toMatch(/1 +aaaaaaaaaaaaaaaa +revoke/)
    expect(line.io.stdout).toContain('TWO VERSIONS from entry 1 on')
    expect(line.io.stdout).not.toContain('pho\u001b')
    expect(await line.run('device', 'resolve', '1', 'aaaaaaaa')).toBe(0)
    const given = { number: 1, hash: 'aaaaaaaa', recoveryPhrase: 'twenty four words' }
    expect(line.calls.at(-1)).toEqual(['devices.resolve', given])
    expect(await line.run('device', 'resolve', 'aaaaaaaa')).toBe(2)
  })
})

describe('device list and rename', () => {
  it('show and name them', async () => {
    const line = new CommandLine({
      'devices.list': () => ({
        items: [
          device({ deviceDid: ANN, name: 'desk', thisDevice: true, behind: null }),
          device({ name: 'pho\u001bne', behind: 3, connected: false, lastSeenAt: null }),
          device({ name: 'old', state: 'revoked', revokedAt: 0 }),
          device({ name: 'its child', state: 'uncertified' }),
        ],
        nextCursor: null,
      }),
      'devices.rename': (params) => params,
    })
    expect(await line.run('device', 'list')).toBe(0)
    expect(line.io.stdout).toMatch(/desk +this device/)
    expect(line.io.stdout).toContain('3 operations behind')
    expect(line.io.stdout).toMatch(/old +revoked 1970/)
    expect(line.io.stdout).toMatch(/its child +let in by a revoked device/)
    expect(line.io.stdout).not.toContain('\u001b')
    expect(await line.run('device', 'rename', DEVICE, 'my', 'phone')).toBe(0)
    expect(line.calls.at(-1)).toEqual(['devices.rename', { deviceDid: DEVICE, name: 'my phone' }])
  })

  const device = (changes: object) => ({
    deviceDid: DEVICE,
    name: 'phone',
    named: true,
    thisDevice: false,
    addedAt: 0,
    capabilities: ['sign'],
    certifiedUntil: 0,
    connected: true,
    lastSeenAt: 0,
    behind: 0,
    state: 'member',
    revokedAt: null,
    ...changes,
  })
})
