import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../daemon/identity/did.ts'
import { publicKeyBytes } from '../../daemon/identity/ed25519.ts'
import { issueMemberDocument } from '../../daemon/identity/member-document.ts'
import { memberReader, rootVerifier } from '../../daemon/identity/member-reader.ts'
import type { SharedSecrets, UserKeys } from '../../daemon/identity/user-keys.ts'
import { xWingPublicKey } from '../../daemon/identity/x-wing.ts'
import { PeerClock } from '../../daemon/vault/peer-clock.ts'
import { createReplica, type ReplicaActions, releaseHeld } from '../../daemon/vault/replica.ts'
import { StateAudit } from '../../daemon/vault/state-audit.ts'
import { SyncCursors } from '../../daemon/vault/sync-cursors.ts'
import { type TemporaryVault, temporaryVault } from './temporary-vault.ts'

export interface PairedVault extends TemporaryVault {
  readonly replica: ReplicaActions
  readonly device: Uint8Array
  readonly deviceDid: string
  readonly document: Uint8Array
  readonly keys: UserKeys
  /** What this device calls now, in milliseconds UTC. */
  time: number
  /** How far that is from the truth; ms. */
  wrongBy: number
  readonly forgotten: string[]
  releaseHeld(): void
}

export interface PairedVaults extends Disposable {
  readonly did: string
  readonly rootKey: KeyObject
  readonly vaults: readonly PairedVault[]
}

/** Real vaults of several devices of one person, each certified by the root key and known to all. */
export function pairedVaults(count: number, { introduced = true, watched = false } = {}): PairedVaults {
  const rootKey = generateKeyPairSync('ed25519').privateKey
  const identities = deviceIdentities(count, rootKey)
  const vaults = identities.map((identity) => openDevice(identity, watched))
  if (introduced)
    for (const vault of vaults)
      vault.replica.saveMembers({ documents: vaults.map(({ document }) => document) })
  return {
    did: identities[0]!.keys.did,
    rootKey,
    vaults,
    [Symbol.dispose]: () => {
      for (const vault of vaults) vault[Symbol.dispose]()
    },
  }
}

/** A device as it is before it has a vault: its keys, and the document others keep of it. */
export interface DeviceIdentity {
  readonly keys: UserKeys
  readonly document: Uint8Array
}

/** Devices of one person, each certified by the root key. */
export function deviceIdentities(
  count: number,
  root: KeyObject = generateKeyPairSync('ed25519').privateKey,
): DeviceIdentity[] {
  const did = encodeDid(publicKeyBytes(root))
  const shared: SharedSecrets = {
    vaultKey: randomBytes(32),
    spaceSecret: randomBytes(32),
    epochs: [{ epoch: 0, key: randomBytes(32) }],
  }
  return Array.from({ length: count }, () => newIdentity(root, did, shared))
}

function newIdentity(
  root: Parameters<typeof issueDeviceCertificate>[0],
  did: string,
  shared: SharedSecrets,
): DeviceIdentity {
  const deviceKey = generateKeyPairSync('ed25519').privateKey
  const deviceDid = encodeDid(publicKeyBytes(deviceKey))
  const certificate = issueDeviceCertificate(root, {
    did,
    deviceDid,
    issuer: did,
    capabilities: PAIRED_CAPABILITIES,
    sequence: 1,
    issuedAt: Date.now(),
  })
  const chain = [certificate]
  const receiveSeed = randomBytes(32)
  const receiveKey = xWingPublicKey(receiveSeed)
  const document = issueMemberDocument(deviceKey, {
    did,
    deviceDid,
    chain,
    sequence: 1,
    receiveKey,
    rendezvous: new Uint8Array(0),
  })
  const bootToken = randomBytes(32)
  return {
    keys: { ...shared, did, deviceDid, deviceKey, receiveKey, receiveSeed, bootToken, chain },
    document,
  }
}

/** A new vault of that device. */
export function openDevice({ keys, document }: DeviceIdentity, watched = false): PairedVault {
  const { did, deviceDid, deviceKey, vaultKey, spaceSecret } = keys
  const clock = { time: Date.UTC(2026, 0, 1), wrongBy: 0 }
  // Nobody sets this one: it is the time of day until a test says otherwise.
  const elapsed = () => clock.time - clock.wrongBy
  const temporary = temporaryVault({
    peers: watched ? new PeerClock(elapsed) : undefined,
    did,
    deviceKey,
    vaultKey,
    spaceSecret,
    readMember: memberReader(did),
    verifyRoot: rootVerifier(did),
    now: () => ++clock.time,
  })
  const forgotten: string[] = []
  const options = () => ({
    vault: temporary.vault,
    cursors: new SyncCursors(temporary.vault, temporary.vault.logs, temporary.vault.space),
    audit: new StateAudit(temporary.vault),
    forgetDerived: (_: unknown, id: string) => void forgotten.push(id),
    wakeDerivation: () => {},
    purgeSoon: () => temporary.vault.purge(),
  })
  return {
    get vault() {
      return temporary.vault
    },
    folder: temporary.folder,
    path: temporary.path,
    options: temporary.options,
    reopen: () => temporary.reopen(),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
    get replica() {
      return createReplica(options())
    },
    device: publicKeyBytes(deviceKey),
    deviceDid,
    document,
    keys,
    get time() {
      return clock.time
    },
    set time(value) {
      clock.time = value
    },
    set wrongBy(ms) {
      clock.time += ms - clock.wrongBy
      clock.wrongBy = ms
    },
    get wrongBy() {
      return clock.wrongBy
    },
    forgotten,
    releaseHeld: () => releaseHeld(options()),
  }
}

/** Everything `from` has and `to` lacks, log by log, in pieces of about `maxBytes`; answers how many operations came. */
export function pull(to: PairedVault, from: PairedVault, maxBytes = 64 * 1024): number {
  const held = new Map(to.replica.frontier({}).map((head) => [nameOf(head), head.sequence]))
  let operations = 0
  for (const head of from.replica.frontier({})) {
    let next = (held.get(nameOf(head)) ?? 0) + 1
    while (next <= head.sequence) {
      const { segments, upTo } = from.replica.read({ log: { ...head, sequence: next }, maxBytes })
      operations += to.replica.apply({ segments }).operations
      next = upTo + 1
    }
  }
  return operations
}

function nameOf({ device, incarnation }: { device: Uint8Array; incarnation: Uint8Array }): string {
  return Buffer.concat([device, incarnation]).toString('hex')
}
