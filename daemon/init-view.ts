import { portOf } from '../config/multiaddr.ts'
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

export interface InitPlace {
  /** The file with the settings. */
  readonly config: string
  /** Where the node will listen. */
  readonly listen: string
  /** The master a member joined. */
  readonly joined: string | undefined
}

export function initView(
  { home, peerId, role, did, recoveryPhrase }: InitResult,
  { config, listen, joined }: InitPlace,
  style: Style,
): string {
  const places = facts(
    [
      ['home', home],
      ['settings', config],
      ['peer id', peerId],
      ['role', role],
      ...(joined === undefined ? [] : [['master', joined] as const]),
      ['user', did ?? 'none yet: vivimd user create NAME'],
    ],
    style,
  )
  const phrase = recoveryPhrase === undefined ? '' : `\n${recoveryPhraseView(recoveryPhrase, style)}`
  const members = role === 'bootstrap' ? `\n${joinHint(listen, peerId)}` : ''
  return `${places}${phrase}${members}\nNext: vivimd start\n`
}

/** What to type elsewhere. A node that listens everywhere does not know yet by which address others reach it. */
function joinHint(listen: string, peerId: string): string {
  const everywhere = /^\/ip[46]\/(?:0\.0\.0\.0|::)\//.test(listen)
  const address = everywhere ? `/ip4/ADDRESS/tcp/${portOf(listen)}` : listen
  const hint = everywhere ? ' (ADDRESS: of this machine; `vivimd master` shows it once the node runs)' : ''
  return `Members join with: vivimd init --join ${address}/p2p/${peerId}${hint}\n`
}
