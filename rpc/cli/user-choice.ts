import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Client } from '../client/types.ts'
import { usage } from './option-parser.ts'
import { oneLine } from './views/text.ts'

export type User = Result<'users.list'>['items'][number]

/**
 * The user named by DID or display name; without a name, the only one of the node who does not go on as another.
 * @throws VivimError `InvalidParams` with the list when it is not clear who is meant, `NotFound`
 */
export async function chooseUser(client: Client, name: string | undefined): Promise<User> {
  const users = await allUsers(client)
  const named = name === undefined ? users : users.filter(isNamed(name))
  // Who goes on as another user is meant only by their DID.
  const going = named.filter(({ succeeded }) => !succeeded)
  const matching = named.length > 1 && going.length > 0 ? going : named
  if (matching.length === 1) return matching[0]!
  if (users.length === 0)
    throw new VivimError('NotFound', 'This node has no user.', {
      hint: 'Make one with `vivimd user create NAME`.',
    })
  if (name === undefined) throw usage('This node has several users; say which with --user.', listed(users))
  if (matching.length > 1) throw usage('Several users have that name; use the DID.', listed(matching))
  throw new VivimError('NotFound', 'No user of this node has that name.', { hint: listed(users) })
}

async function allUsers(client: Client): Promise<User[]> {
  const users: User[] = []
  let cursor: string | null = null
  do {
    const page: Result<'users.list'> = await client.call('users.list', cursor === null ? {} : { cursor })
    users.push(...page.items)
    cursor = page.nextCursor
  } while (cursor !== null)
  return users
}

function isNamed(name: string): (user: User) => boolean {
  return ({ did, displayName }) => did === name || displayName === name
}

function listed(users: readonly User[]): string {
  const names = users.map(({ did, displayName }) =>
    displayName === null ? did : `${oneLine(displayName)} (${did})`,
  )
  return `Users: ${names.join(', ')}.`
}
