import type { Connection } from '@libp2p/interface'
import { LIMITS } from '../../schema/limits.ts'
import type { Node } from './libp2p-node.ts'

/**
 * Closes connections of strangers beyond a number, so that there is always a place for a person's own devices: the
 * library would refuse whoever comes last. The newest goes of the address that has most, so that one address that opens
 * hundreds takes the places of its own.
 */
export class StrangerLimit {
  readonly #node: Node
  readonly #isProtected: (peerId: string) => boolean
  readonly #count: (name: string) => void
  readonly #look = () => this.#close()

  constructor(node: Node, isProtected: (peerId: string) => boolean, count: (name: string) => void) {
    this.#node = node
    this.#isProtected = isProtected
    this.#count = count
    node.addEventListener('connection:open', this.#look)
  }

  stop(): void {
    this.#node.removeEventListener('connection:open', this.#look)
  }

  #close(): void {
    const strangers = this.#node
      .getConnections()
      .filter(({ remotePeer, status }) => status === 'open' && !this.#isProtected(remotePeer.toString()))
    if (strangers.length <= LIMITS.networkStrangers) return
    const byHost = Map.groupBy(strangers, hostOf)
    const [most = []] = [...byHost.values()].sort((a, b) => b.length - a.length)
    const newest = most.reduce<Connection | undefined>(
      (last, each) => (last && last.timeline.open >= each.timeline.open ? last : each),
      undefined,
    )
    this.#count('network.strangers.closed')
    newest?.abort(new Error('too many strangers'))
  }
}

function hostOf({ remoteAddr }: Connection): string {
  return /^\/ip[46]\/([^/]+)/.exec(String(remoteAddr))?.[1] ?? 'elsewhere'
}
