import type { Result } from '../../../schema/methods/index.ts'
import { bold, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

export function usersView({ items, nextCursor }: Result<'users.list'>, style: Style): string {
  if (items.length === 0) return 'There is no user yet: vivimd user create NAME\n'
  const rows = items.map(({ did, displayName, locked, unattended, createdAt, succeeded }) => [
    oneLine(displayName ?? '-'),
    (unattended ? 'no passphrase' : locked ? 'locked' : 'unlocked') + (succeeded ? ', replaced' : ''),
    date(createdAt),
    did,
  ])
  return table(['NAME', 'KEYS', 'SINCE', 'DID'], rows, style) + more(nextCursor)
}

export function createdUserView(result: Result<'users.create'>, style: Style): string {
  return `User ${result.did}\n${recoveryPhraseView(result.recoveryPhrase, style)}`
}

/** The one time the phrase is shown: six words to a line, numbered. */
export function recoveryPhraseView(phrase: string, style: Style): string {
  const words = phrase.split(' ').map((word, at) => `${String(at + 1).padStart(2)} ${word}`.padEnd(13))
  const lines = Array.from({ length: Math.ceil(words.length / 6) }, (_, line) =>
    `  ${words.slice(line * 6, line * 6 + 6).join('')}`.trimEnd(),
  )
  const warning = bold('Recovery phrase: shown once. Whoever has it is this user.', style)
  return `${warning}\n${lines.join('\n')}\n`
}

export function lockedView({ locked }: Result<'users.lock'>): string {
  return locked
    ? 'Locked; the next sign-in needs the passphrase.\n'
    : 'Closed; these keys have no passphrase.\n'
}

export function deletedUserView({ did }: Result<'users.delete'>): string {
  return `Deleted ${did}: keys and database are gone.\n`
}

export function succeededUserView(result: Result<'users.succeed'>): string {
  const { did, successor, carried } = result
  return [
    `${did}`,
    `goes on as ${successor}.`,
    `${count(carried.conversations, 'conversation')} carried over, ${count(carried.rows, 'row')} in all.`,
    'Contacts follow as soon as they hear of it; their safety strings are other ones now: vivimd peers list',
    'Pair your other devices with the new user: vivimd device pair',
    'The old user stays readable here, under its DID.\n',
  ].join('\n')
}

export function repairedUserView({ damaged }: Result<'users.repair'>): string {
  return [
    'The database was begun anew. What the other devices hold comes back when they meet: vivimd sync',
    `The damaged one is kept in ${damaged}`,
    'Remove that folder once all is back: what you erase from now on is not erased in it.\n',
  ].join('\n')
}

export function whoamiView(session: Result<'auth.whoami'>): string {
  const { did, scopes, maxSecurityLevel, succeededBy, succeeds, disputed } = session
  return [
    `${did} (${scopes.join(', ')}; up to security level ${maxSecurityLevel})`,
    ...(succeededBy === undefined ? [] : [`Goes on as ${succeededBy}.`]),
    ...(succeeds === undefined ? [] : [`Was ${succeeds}.`]),
    ...(disputed
      ? ['Somebody signed two successors with the old root key: tell your contacts which is yours.']
      : []),
    '',
  ].join('\n')
}
