import { VivimError } from '../../schema/errors.ts'
import { decodeDid } from '../identity/did.ts'
import { detectSecrets } from '../knowledge/security/secrets.ts'
import type { Replicate } from '../sync/sync-session.ts'

/**
 * The DID a person means: a DID, or the petname they gave it. The one place where names become people; what others call
 * themselves is not asked, for anybody may call themselves anything.
 * @throws VivimError `InvalidParams` for a DID that is none, `NotFound`, `Conflict` when two go by that name
 */
export async function personNamed(vault: Replicate, text: string, field = 'did'): Promise<string> {
  const name = text.trim()
  if (name.startsWith('did:')) {
    decodeDid(name)
    return name
  }
  const [did, other] = await vault('petnamed', { name: name.normalize('NFC') })
  if (did === undefined)
    throw new VivimError('NotFound', `You call nobody ${JSON.stringify(name)}.`, {
      field,
      hint: '`vivimd peers list` shows whom you know; `vivimd peers name DID NAME` gives somebody a name.',
    })
  if (other !== undefined)
    throw new VivimError('Conflict', `You call two people ${JSON.stringify(name)}.`, {
      field,
      hint: `\`vivimd peers name ${did}\` with another name, or say which DID you mean.`,
    })
  return did
}

/** @throws VivimError `Conflict` when somebody else goes by that name */
export async function nameIsFree(vault: Replicate, name: string, forDid: string): Promise<void> {
  const other = (await vault('petnamed', { name })).find((did) => did !== forDid)
  if (other === undefined) return
  throw new VivimError('Conflict', `You call somebody else ${JSON.stringify(name)}.`, {
    field: 'name',
    hint: `Choose another name, or free it: \`vivimd peers name ${other}\`.`,
  })
}

/** A name as it is kept. @throws VivimError `InvalidParams` for one that could be taken for something else */
export function petnameOf(text: string, field = 'name'): string {
  const name = text.trim().normalize('NFC')
  const problem = problemOf(name)
  if (problem === undefined) return name
  throw new VivimError('InvalidParams', problem, { field })
}

function problemOf(name: string): string | undefined {
  if (name === '') return 'A name has at least one letter.'
  if (/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(name)) return 'A name is one line, without invisible characters.'
  if (/^(?:did:|vivim:|\/|12D3KooW)/.test(name)) return 'That could be taken for a DID, a link or an address.'
  return detectSecrets(name).length > 0 ? 'That looks like a key or a password, not like a name.' : undefined
}
