import { createHash, type KeyObject } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, verify } from '../../daemon/identity/ed25519.ts'
import { issueMemberDocument } from '../../daemon/identity/member-document.ts'
import { memberReader, rootVerifier } from '../../daemon/identity/member-reader.ts'
import { xWingPublicKey } from '../../daemon/identity/x-wing.ts'
import { openVault, type VaultOptions } from '../../daemon/vault/open-vault.ts'
import { seededRandom } from '../support/seed.ts'

/** One device of the family, whose keys are the same in every run. */
export interface FamilyDevice {
  readonly number: number
  readonly key: KeyObject
  readonly device: Uint8Array
  readonly did: string
  readonly document: Uint8Array
}

/**
 * The devices of one person. Each has two new vaults on the disk, made once: one that knows all the others and one
 * that knows itself alone. A simulation begins with copies of them, because making one takes 50 times as long.
 */
export interface Family extends Disposable {
  readonly did: string
  readonly rootKey: KeyObject
  readonly devices: readonly FamilyDevice[]
  readonly spaceSecret: Uint8Array
  readonly epochKey: Uint8Array
  /** A folder in memory where there is one, gone when disposed. */
  readonly folder: string
  /** Copies a device's new vault to that path. */
  place(device: FamilyDevice, path: string, introduced: boolean): void
  optionsOf(
    device: FamilyDevice,
    path: string,
    now: () => number,
    random: VaultOptions['random'],
  ): VaultOptions
}

export const FAMILY_DEVICES = 5
/** 1 January 2026: when a simulation begins; milliseconds UTC. */
export const BEGIN = Date.UTC(2026, 0, 1)

export function makeFamily(name: string): Family {
  const secret = (what: string) => new Uint8Array(createHash('sha256').update(`${name} ${what}`).digest())
  const root = privateKeyOfSeed(secret('root'))
  const did = encodeDid(publicKeyBytes(root))
  const devices = Array.from({ length: FAMILY_DEVICES }, (_, number): FamilyDevice => {
    const key = privateKeyOfSeed(secret(`device ${number}`))
    const device = publicKeyBytes(key)
    const deviceDid = encodeDid(device)
    const certificate = issueDeviceCertificate(root, {
      did,
      deviceDid,
      issuer: did,
      capabilities: PAIRED_CAPABILITIES,
      sequence: 1,
      issuedAt: 1,
    })
    const document = issueMemberDocument(key, {
      did,
      deviceDid,
      chain: [certificate],
      sequence: 1,
      receiveKey: xWingPublicKey(secret(`receive key ${number}`)),
      rendezvous: new Uint8Array(0),
    })
    return { number, key, device, did: deviceDid, document }
  })
  const folder = mkdtempSync(join(fastFolder(), 'vivim-simulation-'))
  const readMember = remembered(memberReader(did))
  const optionsOf: Family['optionsOf'] = (device, path, now, random) => ({
    path,
    did,
    deviceKey: device.key,
    vaultKey: secret('vault key'),
    spaceSecret: secret('space secret'),
    verify: verifyOnce,
    readMember,
    verifyRoot: rootVerifier(did),
    now,
    random,
  })
  const templateOf = ({ number }: FamilyDevice, introduced: boolean) =>
    join(folder, 'new', `${number}-${introduced ? 'introduced' : 'alone'}.db`)
  mkdirSync(join(folder, 'new'))
  for (const device of devices)
    for (const introduced of [true, false]) {
      const { bytes } = seededRandom(`${name} ${device.number}`)
      const vault = openVault(optionsOf(device, templateOf(device, introduced), () => BEGIN, bytes))
      const documents = (introduced ? devices : [device]).map(({ document }) => document)
      vault.transact(() => vault.members.save(documents, BEGIN))
      vault.close()
    }
  return {
    did,
    rootKey: root,
    devices,
    spaceSecret: secret('space secret'),
    epochKey: secret('epoch key'),
    folder,
    place: (device, path, introduced) => copyFileSync(templateOf(device, introduced), path),
    optionsOf,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const REMEMBERED = 20_000

/** The answers of a pure function, kept: every device of every seed asks about the same documents and signatures. */
function remembered<Parameters extends readonly Uint8Array[], T>(
  ask: (...parameters: Parameters) => T,
): (...parameters: Parameters) => T {
  const answers = new Map<string, T>()
  return (...parameters) => {
    const question = parameters.map((bytes) => Buffer.from(bytes).toString('latin1')).join(' ')
    const known = answers.get(question)
    if (known !== undefined) return known
    const answer = ask(...parameters)
    if (answers.size >= REMEMBERED) answers.clear()
    answers.set(question, answer)
    return answer
  }
}

const verifyOnce = remembered(verify)

/** Memory instead of a disk, where the system offers it: what is simulated is the order of things, not the disk. */
function fastFolder(): string {
  try {
    return statSync('/dev/shm').isDirectory() ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}
