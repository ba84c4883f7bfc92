import { BlockList, isIP } from 'node:net'

/** From where an address works: this machine, the networks it is in, anywhere, or anywhere by way of a relay. */
export type Scope = 'machine' | 'local' | 'public' | 'relayed'

const MACHINE = new BlockList()
MACHINE.addSubnet('127.0.0.0', 8, 'ipv4')
MACHINE.addAddress('::1', 'ipv6')

/** Addresses that the internet does not carry to one place (RFC 6890), as far as an interface can have them. */
const LOCAL = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  LOCAL.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  LOCAL.addSubnet(network, prefix, 'ipv6')

/** Undefined for what is no address of a node. A name is taken for public: who gives a machine a name means it. */
export function scopeOf(multiaddr: string): Scope | undefined {
  if (multiaddr.includes('/p2p-circuit')) return 'relayed'
  const [, kind, host] = /^\/(ip4|ip6|dns|dns4|dns6|dnsaddr)\/([^/]+)(?:\/|$)/.exec(multiaddr) ?? []
  if (kind === undefined || host === undefined) return undefined
  return kind.startsWith('dns') ? 'public' : scopeOfHost(host)
}

/** Of an IP address; undefined for anything else. */
export function scopeOfHost(host: string): Exclude<Scope, 'relayed'> | undefined {
  const version = isIP(host)
  if (version === 0) return undefined
  const family = version === 4 ? 'ipv4' : 'ipv6'
  if (MACHINE.check(host, family)) return 'machine'
  return LOCAL.check(host, family) ? 'local' : 'public'
}

const ORDER: readonly (Scope | undefined)[] = ['public', 'local', 'relayed', 'machine', undefined]

/** The addresses most worth a place first: those that work from elsewhere, then by way of a relay, then the machine's own. */
export function byWorth(multiaddrs: readonly string[]): string[] {
  const worth = (address: string) => ORDER.indexOf(scopeOf(address))
  return [...multiaddrs].sort((a, b) => worth(a) - worth(b))
}
