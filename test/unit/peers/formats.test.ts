import { describe, expect, test } from 'vitest'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { peerIdOf } from '../../../daemon/identity/node-key.ts'
import { readJoinAddress } from '../../../daemon/master/join-address.ts'
import { decodeInvite, encodeInvite } from '../../../daemon/peers/invite-link.ts'
import { petnameOf } from '../../../daemon/peers/person.ts'
import { addressesToTell, readNodeAddress, refusePrivate } from '../../../daemon/peers/reach.ts'
import { safetyString } from '../../../daemon/peers/safety-string.ts'

const keyOf = (seed: number) => publicKeyBytes(privateKeyOfSeed(new Uint8Array(32).fill(seed)))
const didOf = (seed: number) => encodeDid(keyOf(seed))
const PEER = peerIdOf(keyOf(9))

const INVITE = {
  did: didOf(1),
  peerId: PEER,
  addresses: ['/ip4/192.0.2.1/tcp/4001', '/dns4/example.org/tcp/443/ws'],
  secret: new Uint8Array(16).fill(5),
  expiresAt: 1_800_000_000_000,
}

describe('an invite', () => {
  test('reads as it was made, with what mail programs put into it', () => {
    const text = encodeInvite(INVITE)
    expect(text).toMatch(/^vivim:\/\/invite\/[A-Za-z0-9_-]+$/)
    expect(decodeInvite(text, 0)).toEqual(INVITE)
    expect(decodeInvite(` ${text.slice(0, 40)}\n  ${text.slice(40)}\n`, 0)).toEqual(INVITE)
  })

  test('with any one character changed, missing or added it is refused; so is one that expired', () => {
    const text = encodeInvite(INVITE)
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A'
      for (const changed of [
        text.slice(0, at) + other + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
      ])
        expect(() => decodeInvite(changed, 0), changed).toThrow(
          expect.objectContaining({ code: 'InvalidParams' }),
        )
    }
    expect(() => decodeInvite(`${text}A`, 0)).toThrow(expect.objectContaining({ code: 'InvalidParams' }))
    expect(() => decodeInvite(text, INVITE.expiresAt)).toThrow(expect.objectContaining({ code: 'Expired' }))
  })

  test('what it says is looked at, not only its checksum', () => {
    const wrong = [
      { addresses: [] },
      { addresses: ['/unix/tmp/socket'] },
      { addresses: Array.from({ length: 5 }, () => '/ip4/192.0.2.1/tcp/1') },
      { addresses: [`/dns4/${'x'.repeat(400)}/tcp/1`] },
      { peerId: 'somebody' },
      { secret: new Uint8Array(15) },
    ]
    for (const change of wrong)
      expect(() => decodeInvite(encodeInvite({ ...INVITE, ...change }), 0), JSON.stringify(change)).toThrow(
        expect.objectContaining({ code: 'InvalidParams' }),
      )
  })
})

describe('joining a master by an invite', () => {
  test('an invite of somebody on the bootstrap node leads there, expired or not, without its secret', () => {
    expect(readJoinAddress(encodeInvite({ ...INVITE, expiresAt: 1_000 }))).toEqual({
      peerId: PEER,
      addresses: INVITE.addresses.map((address) => `${address}/p2p/${PEER}`),
      text: `/ip4/192.0.2.1/tcp/4001/p2p/${PEER}`,
    })
    expect(() => readJoinAddress('vivim://invite/AAAA')).toThrow(
      expect.objectContaining({ code: 'InvalidParams' }),
    )
  })
})

describe('a safety string', () => {
  test('is the same for both, of forty digits, and fixed by the two DIDs alone', () => {
    expect(safetyString(didOf(1), didOf(2))).toBe(safetyString(didOf(2), didOf(1)))
    expect(safetyString(didOf(1), didOf(2))).toBe('59166 07787 46125 64599 79601 05038 29973 42800')
    const all = [1, 2, 3, 4, 5].flatMap((a) => [6, 7, 8].map((b) => safetyString(didOf(a), didOf(b))))
    expect(new Set(all).size).toBe(all.length)
    for (const text of all) expect(text).toMatch(/^(\d{5} ){7}\d{5}$/)
  })
})

describe('a petname', () => {
  test('is trimmed and in one Unicode form; what could be taken for something else is refused', () => {
    expect(petnameOf('  Zoe\u0308 ')).toBe('Zo\u00eb')
    const refused = [
      '',
      '  ',
      'a\nb',
      'a\u202eb',
      'a\u200bb',
      didOf(1),
      'vivim://invite/x',
      '/ip4/1.2.3.4',
      PEER,
      'a\0b',
    ]
    for (const name of [
      ...refused,
      `sk-ant-api03-${'FzQ2bVq8xL1mN0pR4sT6uW9yA3cE5gH7jK2lM4nP6qR8tV0xZ1bD3fG5hJ7kL9mN1pQ3rS5tU7vW9xY2zA4bC6'}-eF8gHAA`,
    ])
      expect(() => petnameOf(name), JSON.stringify(name)).toThrow(
        expect.objectContaining({ code: 'InvalidParams' }),
      )
  })
})

describe('addresses', () => {
  test('those that work from elsewhere are told first, four at most', () => {
    const all = [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/192.0.2.9/tcp/1',
      '/ip4/10.0.0.2/tcp/1',
      '/ip6/::1/tcp/1',
    ]
    expect(addressesToTell(all.map((address) => `${address}/p2p/${PEER}`))).toEqual([
      '/ip4/192.0.2.9/tcp/1',
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/10.0.0.2/tcp/1',
      '/ip4/127.0.0.1/tcp/1',
    ])
  })

  test('an app reaches public ones only', () => {
    for (const address of [
      '/ip4/127.0.0.1/tcp/1',
      '/ip4/10.0.0.1/tcp/1',
      '/ip4/169.254.1.1/tcp/80',
      '/ip6/::1/tcp/1',
      '/ip6/fe80::1/tcp/1',
    ]) {
      const reach = readNodeAddress(`${address}/p2p/${PEER}`, 'multiaddr')
      expect(() => refusePrivate(reach, false, 'multiaddr'), address).toThrow(
        expect.objectContaining({ code: 'Forbidden' }),
      )
      refusePrivate(reach, true, 'multiaddr')
    }
    refusePrivate(readNodeAddress(`/ip4/192.0.2.9/tcp/1/p2p/${PEER}`, 'multiaddr'), false, 'multiaddr')
    for (const text of [
      '',
      'x',
      '/ip4/192.0.2.9/tcp/1',
      `/p2p/${PEER}`,
      `/unix/x/p2p/${PEER}`,
      '/ip4/192.0.2.9/tcp/1/p2p/Qm',
    ])
      expect(() => readNodeAddress(text, 'multiaddr'), text).toThrow(
        expect.objectContaining({ code: 'InvalidParams' }),
      )
  })
})
