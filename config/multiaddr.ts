import { isIP } from 'node:net'

/** What a node can listen on: `/ip4/127.0.0.1/tcp/4001`, also `ip6` and `dns`, with `/ws` behind it. */
const LISTEN = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]{1,253})\/tcp\/(\d{1,5})(\/ws)?$/
const HOST_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/

export function isListenAddress(text: string): boolean {
  const [, kind, host = '', port] = LISTEN.exec(text) ?? []
  if (kind === undefined || Number(port) > 65_535) return false
  if (kind === 'ip4') return isIP(host) === 4
  if (kind === 'ip6') return isIP(host) === 6
  return HOST_NAME.test(host)
}

/** 0: any free port. */
export function portOf(multiaddr: string): number {
  return Number(LISTEN.exec(multiaddr)?.[3] ?? 0)
}

export function withPort(multiaddr: string, port: number): string {
  return multiaddr.replace(/\/tcp\/\d+/, `/tcp/${port}`)
}
