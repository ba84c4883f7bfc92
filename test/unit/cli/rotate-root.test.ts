import { expect, test } from 'vitest'
import { VivimError } from '../../../schema/errors.ts'
import { ANN, BEN, CommandLine, userNamed } from './command-line.ts'

const OLD = `${'abandon '.repeat(23)}art`
const NEW = `${'zoo '.repeat(23)}vote`

function line(): CommandLine {
  return new CommandLine({
    'users.list': () => ({ items: [userNamed(ANN, 'Ann'), userNamed(BEN, 'Ben')], nextCursor: null }),
    'users.create': () => ({ did: BEN, deviceDid: BEN, recoveryPhrase: NEW }),
    'users.succeed': ({ did, successor }) => ({
      ...{ did, successor, at: 5 },
      carried: { conversations: 3, rows: 40 },
    }),
  })
}

test('user rotate-root makes a user, and shows the new words, also when nothing could be signed', async () => {
  const command = line()
  command.io.input = `${OLD}\n`
  expect(await command.run('user', 'rotate-root', 'Ann', '--yes')).toBe(0)
  expect(command.io.stdout).toMatch(/shown once[\s\S]*24 vote[\s\S]*goes on as did:key/)
  expect(command.io.stdout).toContain('3 conversations carried over, 40 rows in all.')
  expect(command.calls.slice(-2)).toEqual([
    ['users.create', { displayName: 'Ann', unattended: true }],
    ['users.succeed', { did: ANN, successor: BEN, recoveryPhrase: OLD, successorPhrase: NEW }],
  ])
  command.answers['users.succeed'] = () => {
    throw new VivimError('Unauthorized')
  }
  expect(await command.run('user', 'rotate-root', 'Ann', '--yes')).not.toBe(0)
  expect(command.io.stderr).toContain('24 vote')
  expect(command.io.stderr).toContain(`vivimd user rotate-root ${ANN} --to ${BEN}`)
  expect(await command.run('user', 'rotate-root', 'Ann')).toBe(2)
  expect(command.io.stderr).toContain('--yes')
  expect(await command.run('user', 'rotate-root')).toBe(2)
})

test('on a terminal words of the new phrase are asked back, and nothing is signed before they are right', async () => {
  const command = line()
  command.io.inIsTerminal = true
  const asked: string[] = []
  command.io.ask = async (question) => {
    asked.push(question)
    if (question.startsWith('Old')) return ` ${OLD.replace(' ', '   ')} `
    const place = /^Word (\d+)/.exec(question)?.[1]
    if (place === undefined) return ''
    expect(command.methods()).not.toContain('users.succeed')
    // The first answer is wrong.
    const isFirst = asked.filter((each) => each.startsWith('Word')).length === 1
    return isFirst ? 'zebra' : NEW.split(' ')[Number(place) - 1]!
  }
  expect(await command.run('user', 'rotate-root', 'Ann', '--name', 'Anna')).toBe(0)
  expect(asked.filter((each) => each.startsWith('Word'))).toHaveLength(4)
  expect(command.io.stderr).toContain('24 vote')
  expect(command.io.stdout).not.toContain('24 vote')
  expect(command.calls.at(-1)).toEqual([
    'users.succeed',
    { did: ANN, successor: BEN, recoveryPhrase: OLD, successorPhrase: NEW },
  ])
})

test('--to goes on with a user who is there: both phrases are lines of the input, or a passphrase opens the old one', async () => {
  const command = line()
  command.io.input = `${OLD}\n${NEW}\n`
  expect(await command.run('user', 'rotate-root', 'Ann', '--to', 'Ben')).toBe(0)
  const both = { did: ANN, successor: BEN, successorPhrase: NEW }
  expect(command.calls.at(-1)).toEqual(['users.succeed', { ...both, recoveryPhrase: OLD }])
  expect(command.methods()).not.toContain('users.create')
  command.env.VIVIM_PASSPHRASE = 'correct horse'
  command.io.input = `${NEW}\n`
  expect(await command.run('user', 'rotate-root', 'Ann', '--to', 'Ben')).toBe(0)
  expect(command.calls.at(-1)).toEqual(['users.succeed', { ...both, passphrase: 'correct horse' }])
  // A new one is made with that passphrase, which opens its root key too.
  expect(await command.run('user', 'rotate-root', 'Ann', '--yes')).toBe(0)
  expect(command.calls.slice(-2)).toEqual([
    ['users.create', { displayName: 'Ann', passphrase: 'correct horse' }],
    [
      'users.succeed',
      { did: ANN, successor: BEN, passphrase: 'correct horse', successorPassphrase: 'correct horse' },
    ],
  ])
})

test('who goes on as another user is meant by their DID alone', async () => {
  const both = [{ ...userNamed(ANN, 'Ann'), succeeded: true as const }, userNamed(BEN, 'Ann')]
  const command = new CommandLine({
    'users.list': () => ({ items: both, nextCursor: null }),
    'users.lock': ({ did }) => ({ did, locked: false }),
  })
  expect(await command.run('user', 'lock', 'Ann')).toBe(0)
  expect(command.calls.at(-1)).toEqual(['users.lock', { did: BEN }])
  expect(await command.run('user', 'lock', ANN)).toBe(0)
  expect(command.calls.at(-1)).toEqual(['users.lock', { did: ANN }])
  expect(await command.run('user', 'list')).toBe(0)
  expect(command.io.stdout).toContain('no passphrase, replaced')
})
