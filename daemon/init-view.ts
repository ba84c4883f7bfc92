import type { Paths } from '../config/paths.ts'
import type { Style } from '../rpc/cli/views/style.ts'
import { facts } from '../rpc/cli/views/table.ts'
import { recoveryPhraseView } from '../rpc/cli/views/users.ts'

export interface InitResult {
  readonly home: string
  readonly peerId: string
  readonly role: string
  readonly did?: string
  readonly deviceDid?: string
  /** Only when the user was made just now. */
  readonly recoveryPhrase?: string
}

export function initView(
  { home, peerId, did, recoveryPhrase }: InitResult,
  { config }: Paths,
  style: Style,
): string {
  const places = facts(
    [
      ['home', home],
      ['settings', config],
      ['peer id', peerId],
      ['user', did ?? 'none yet: vivimd user create NAME'],
    ],
    style,
  )
  const phrase = recoveryPhrase === undefined ? '' : `\n${recoveryPhraseView(recoveryPhrase, style)}`
  return `${places}${phrase}\nNext: vivimd start\n`
}
