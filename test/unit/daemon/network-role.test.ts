import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../config/config.ts'
import { networkRole } from '../../../daemon/node-config.ts'

const PEER = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const MASTER = `/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`
const OTHER = `/dns4/master.example/tcp/4001/ws/p2p/${PEER}`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivimd-role-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Given {
  readonly file?: object
  readonly env?: Record<string, string>
  readonly flags?: Record<string, string>
}

function roleOf({ file = {}, env = {}, flags = {} }: Given) {
  const path = join(folder, 'config.json')
  writeFileSync(path, JSON.stringify(file))
  return networkRole(loadConfig({ file: path, env, flags, cwd: folder }))
}

describe('the role of a node', () => {
  it.each<[string, Given, string, string?]>([
    ['nothing', {}, 'solo'],
    ['an address in the environment', { env: { VIVIM_JOIN: MASTER } }, 'member', MASTER],
    ['an address in the file alone', { file: { network: { join: MASTER } } }, 'member', MASTER],
    ['what init wrote', { file: { role: 'member', network: { join: MASTER } } }, 'member', MASTER],
    [
      'another master than the one in the file',
      { file: { role: 'member', network: { join: MASTER } }, flags: { join: OTHER } },
      'member',
      OTHER,
    ],
    ['an address for a solo home', { file: { role: 'solo' }, flags: { join: MASTER } }, 'member', MASTER],
    ['a member that left', { file: { role: 'solo', network: { join: MASTER } } }, 'solo'],
    ['bootstrap', { env: { VIVIM_ROLE: 'bootstrap' } }, 'bootstrap'],
    [
      'a member that became a master',
      { file: { role: 'bootstrap', network: { join: MASTER } } },
      'bootstrap',
    ],
  ])('follows from %s', (_, given, role, address) => {
    expect(roleOf(given)).toEqual({
      role,
      join: address && { peerId: PEER, addresses: [address], text: address },
      databaseUrl: undefined,
    })
  })

  it.each<[string, Given]>([
    ['a member without a master', { flags: { role: 'member' } }],
    ['a master that joins one', { file: { role: 'bootstrap' }, env: { VIVIM_JOIN: MASTER } }],
    ['a solo node that joins', { flags: { role: 'solo', join: MASTER } }],
    ['an address without a peer', { flags: { join: '/ip4/192.0.2.1/tcp/4001' } }],
    ['an address with half a peer', { flags: { join: MASTER.slice(0, -1) } }],
    ['a peer without an address', { flags: { join: `/p2p/${PEER}` } }],
    ['an address with another one behind it', { flags: { join: `${MASTER}/ip4/10.0.0.1` } }],
    ['a URL', { flags: { join: 'https://master.example' } }],
  ])('is refused for %s', (_, given) => {
    expect(() => roleOf(given)).toThrow(
      expect.objectContaining({ code: 'InvalidParams', field: 'network.join' }),
    )
  })

  it('has a database elsewhere only where it is bootstrap', () => {
    const env = { MASTER_DATABASE_URL: 'postgresql://u@h/x' }
    expect(roleOf({ env: { ...env, VIVIM_ROLE: 'bootstrap' } }).databaseUrl).toBe('postgresql://u@h/x')
    expect(roleOf({ env }).databaseUrl).toBeUndefined()
  })
})
