import type { KeyObject } from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { issueDeviceCertificate, readDeviceCertificate } from './device-certificate.ts'
import { encodeDid } from './did.ts'
import { publicKeyBytes } from './ed25519.ts'
import { lastOfChain } from './member-document.ts'
import type { UserKeys } from './user-keys.ts'

/**
 * When the first certificate of a chain ends, milliseconds UTC: a device is certified as long as everybody is who
 * certified it. 0 for what is no chain; whether one leads to the next is for `lastOfChain` to say.
 */
export function certifiedUntil(chain: readonly Uint8Array[]): number {
  if (chain.length === 0) return 0
  return Math.min(...chain.map((bytes) => readDeviceCertificate(bytes)?.expiresAt ?? 0))
}

/** Whether it is time to have them renewed: from 30 days before the end, and after it. */
export function isRenewalDue(chain: readonly Uint8Array[], now: number): boolean {
  return certifiedUntil(chain) - now <= LIMITS.renewBeforeMs
}

/** The same last certificate behind the chain that its issuer has now; undefined unless that leads to it. */
export function chainBehind(
  issuer: readonly Uint8Array[],
  chain: readonly Uint8Array[],
): readonly Uint8Array[] | undefined {
  const last = chain.at(-1)
  const candidate = last ? [...issuer, last] : []
  return lastOfChain(candidate) ? candidate : undefined
}

export function isSameChain(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, n) => Buffer.compare(bytes, b[n]!) === 0)
}

/**
 * The keys of a device with a certificate of the root key, good for a year from now.
 * @throws VivimError `Unauthorized` for the root key of somebody else
 */
export function certifiedAnew(keys: UserKeys, rootKey: KeyObject, now: number): UserKeys {
  const { did, deviceDid, chain } = keys
  if (encodeDid(publicKeyBytes(rootKey)) !== did)
    throw new VivimError('Unauthorized', 'That is the recovery phrase of somebody else.')
  const { sequence = 0, capabilities = [] } = lastOfChain(chain) ?? {}
  const certificate = issueDeviceCertificate(rootKey, {
    did,
    deviceDid,
    issuer: did,
    capabilities,
    sequence: Math.max(now, sequence + 1),
    issuedAt: now,
  })
  return { ...keys, chain: [certificate] }
}
