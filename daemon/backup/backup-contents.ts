import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../identity/device-certificate.ts'
import { encodeDid } from '../identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../identity/ed25519.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { PairedUser } from '../identity/keystore.ts'
import { lastOfChain } from '../identity/member-document.ts'
import {
  decodeEpochs,
  encodeEpochs,
  isKey,
  type SharedSecrets,
  type UserKeys,
} from '../identity/user-keys.ts'

/** What a backup holds beside the database. */
export interface BackupContents {
  readonly did: string
  readonly displayName: string | null
  readonly createdAt: number
  /** The device that the backup is; whoever loses the file takes it out, and everything restored from it. */
  readonly deviceDid: string
  /** `BackupKeys`, encoded. */
  readonly keys: Uint8Array
}

/** A device of its own, that lets in the one a restore makes: no key is ever in two places that write. */
interface BackupKeys extends SharedSecrets {
  readonly deviceSeed: Uint8Array
  readonly chain: readonly Uint8Array[]
}

export function makeContents(
  keys: UserKeys,
  displayName: string | null,
  now: number,
  random: Random,
): BackupContents {
  const deviceSeed = random(32)
  const deviceDid = didOfSeed(deviceSeed)
  const { did, vaultKey, spaceSecret, epochs } = keys
  const chain = extended(
    keys.chain,
    { did, deviceKey: keys.deviceKey, deviceDid: keys.deviceDid },
    deviceDid,
    now,
  )
  const fields: Cbor[] = [deviceSeed, vaultKey, spaceSecret, encodeEpochs(epochs), [...chain]]
  return { did, displayName, createdAt: now, deviceDid, keys: encodeCanonical(fields) }
}

/** The user as a new device, which the backup's own device lets in. @throws VivimError `Corrupt` */
export function restoredUser(
  contents: BackupContents,
  given: { readonly passphrase: string; readonly unattended: boolean; readonly now: number },
  random: Random,
): PairedUser {
  const keys = decodeKeys(contents.keys)
  const deviceSeed = random(32)
  const { did, displayName } = contents
  const issuer = { did, deviceKey: privateKeyOfSeed(keys.deviceSeed), deviceDid: didOfSeed(keys.deviceSeed) }
  const { vaultKey, spaceSecret, epochs } = keys
  return {
    did,
    displayName,
    secrets: { deviceSeed, receiveSeed: random(32), bootToken: random(32), vaultKey, spaceSecret, epochs },
    chain: extended(keys.chain, issuer, didOfSeed(deviceSeed), given.now),
    passphrase: given.unattended ? undefined : given.passphrase,
    unattended: given.unattended,
  }
}

function extended(
  chain: readonly Uint8Array[],
  issuer: Pick<UserKeys, 'did' | 'deviceKey' | 'deviceDid'>,
  deviceDid: string,
  now: number,
): readonly Uint8Array[] {
  const certificate = issueDeviceCertificate(issuer.deviceKey, {
    did: issuer.did,
    deviceDid,
    issuer: issuer.deviceDid,
    capabilities: PAIRED_CAPABILITIES,
    sequence: Math.max(now, (lastOfChain(chain)?.sequence ?? 0) + 1),
    issuedAt: now,
  })
  return [...chain, certificate]
}

function decodeKeys(bytes: Uint8Array): BackupKeys {
  const fields = decodeCanonical(bytes)
  if (Array.isArray(fields) && fields.length === 5) {
    const [deviceSeed, vaultKey, spaceSecret, epochValues, chain] = fields
    const epochs = decodeEpochs(epochValues)
    const isChain = Array.isArray(chain) && chain.every((item) => item instanceof Uint8Array)
    if (isKey(deviceSeed) && isKey(vaultKey) && isKey(spaceSecret) && epochs && isChain)
      return { deviceSeed, vaultKey, spaceSecret, epochs, chain: chain as Uint8Array[] }
  }
  throw new VivimError('Corrupt', 'The keys in that backup are damaged.')
}

function didOfSeed(seed: Uint8Array): string {
  return encodeDid(publicKeyBytes(privateKeyOfSeed(seed)))
}
