import type { KeyObject } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { createFile, replaceFile, shredFile, syncFolder, TEMPORARY } from './atomic-file.ts'
import { AttemptLimiter } from './attempt-limiter.ts'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from './device-certificate.ts'
import { encodeDid } from './did.ts'
import { privateKeyOfSeed, publicKeyBytes } from './ed25519.ts'
import {
  openWithPassphrase,
  type Random,
  seal,
  sealWithPassphrase,
  spendDerivation,
  unseal,
} from './key-wrapping.ts'
import { DELETING, encodeRecord, type KeystoreRecord, newRecord, readRecord } from './keystore-file.ts'
import { lastOfChain } from './member-document.ts'
import { withRenewedEpochs, wrapEpochs } from './renewed-epochs.ts'
import { userHash } from './user-hash.ts'
import {
  type DeviceSecrets,
  decodeSecrets,
  encodeSecrets,
  keysOf,
  makeSecrets,
  type UserKeys,
} from './user-keys.ts'

/** What anyone who runs the node may know of a user. */
export interface UserRecord {
  readonly did: string
  readonly displayName: string | null
  readonly deviceDid: string
  /** Opens without a passphrase. */
  readonly unattended: boolean
  /** Milliseconds UTC. */
  readonly createdAt: number
}

export interface NewUser {
  readonly rootSeed: Uint8Array
  readonly displayName: string | null
  readonly passphrase?: string | undefined
  readonly unattended: boolean
}

/** A device that another one of the same person enrolled. */
export interface PairedUser {
  readonly did: string
  readonly displayName: string | null
  readonly secrets: DeviceSecrets
  /** From the certificate the root key signed to this device's own. */
  readonly chain: readonly Uint8Array[]
  readonly passphrase?: string | undefined
  readonly unattended: boolean
}

export interface KeystoreOptions {
  /** Made when absent, mode 0700. */
  readonly folder: string
  readonly now: () => number
  readonly random: Random
}

/**
 * The users' keys: one file per user, named by the hash of the DID. A user exists when the file says `ready`; every
 * step on the way there and back is one atomic replacement, so that a crash leaves no user or a whole one once
 * `sweep` has run. One process at a time: the holder of the data-directory lock.
 */
export class Keystore {
  readonly #folder: string
  readonly #now: () => number
  readonly #random: Random
  readonly #attempts: AttemptLimiter

  constructor({ folder, now, random }: KeystoreOptions) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#folder = folder
    this.#now = now
    this.#random = random
    this.#attempts = new AttemptLimiter(LIMITS.passphraseTriesPerMinute, now)
  }

  /**
   * Makes the keys of a new device of this root and stores them as `creating`; `finish` makes it a user. The root seed
   * stays only where there is a passphrase to put it under.
   * @throws VivimError `Conflict` when this node has that user
   */
  async create({ rootSeed, displayName, passphrase, unattended }: NewUser): Promise<UserKeys> {
    const rootKey = privateKeyOfSeed(rootSeed)
    const did = encodeDid(publicKeyBytes(rootKey))
    if (readRecord(this.#recordPath(did))) throw taken()
    const secrets = makeSecrets(this.#random)
    const certificate = issueDeviceCertificate(rootKey, {
      did,
      deviceDid: encodeDid(publicKeyBytes(privateKeyOfSeed(secrets.deviceSeed))),
      issuer: did,
      capabilities: [...PAIRED_CAPABILITIES, ...(passphrase === undefined ? [] : ['control' as const])],
      sequence: 1,
      issuedAt: this.#now(),
    })
    const root =
      passphrase === undefined
        ? null
        : await sealWithPassphrase(passphrase, ['root seed', did], rootSeed, this.#random)
    const chain = [certificate]
    return this.#store({ did, displayName, secrets, chain, passphrase, unattended }, root)
  }

  /**
   * Stores the keys of a device that another one of the person enrolled, as `creating`; `finish` makes it a user. The
   * root seed is not among them.
   * @throws VivimError `Conflict` when this node has that user; `Corrupt` when the chain does not lead to the device
   */
  async createPaired(user: PairedUser): Promise<UserKeys> {
    const { did, secrets, chain } = user
    if (readRecord(this.#recordPath(did))) throw taken()
    if (!isChainOf(keysOf(did, secrets, chain)))
      throw new VivimError('Corrupt', 'The certificates are not those of this device.')
    return this.#store(user, null)
  }

  async #store(
    { did, displayName, secrets, chain, passphrase, unattended }: PairedUser,
    root: KeystoreRecord['root'],
  ): Promise<UserKeys> {
    const keys = keysOf(did, secrets, chain)
    const masterKey = this.#random(32)
    const keyFile = unattended ? this.#random(32) : undefined
    const record = newRecord({
      did,
      displayName,
      deviceDid: keys.deviceDid,
      createdAt: this.#now(),
      certificates: chain.map(base64),
      masterKey: keyFile
        ? { kdf: 'file', sealed: base64(seal(keyFile, ['master key', did, 'file'], masterKey, this.#random)) }
        : await sealWithPassphrase(passphrase!, ['master key', did], masterKey, this.#random),
      secrets: base64(
        seal(masterKey, ['secrets', did, keys.deviceDid], encodeSecrets(secrets), this.#random),
      ),
      root,
    })
    if (!createFile(this.#recordPath(did), encodeRecord(record))) throw taken()
    if (keyFile) replaceFile(this.#keyPath(did), keyFile)
    return keys
  }

  /** Turns `creating` into `ready`: from here on it is a user. */
  finish(did: string): void {
    const record = readRecord(this.#recordPath(did))
    if (record?.state !== 'creating') throw new VivimError('Conflict')
    replaceFile(this.#recordPath(did), encodeRecord({ ...record, state: 'ready' }))
  }

  get(did: string): UserRecord | undefined {
    const record = this.#ready(did)
    return record && toUserRecord(record)
  }

  /** Users by age. A file that fails its check is left out; `sweep` reports it. */
  list(): UserRecord[] {
    return this.#names('.json')
      .map((name) => this.#tryRead(name))
      .flatMap((record) => (record?.state === 'ready' ? [toUserRecord(record)] : []))
      .sort((a, b) => a.createdAt - b.createdAt || (a.did < b.did ? -1 : 1))
  }

  /**
   * The user's keys. Without a passphrase this succeeds for unattended users only.
   * @throws VivimError `Unauthorized`, the same for a wrong or absent passphrase and an unknown user, and taking as
   * long; `RateLimited`; `Corrupt`
   */
  async unlock(did: string, passphrase?: string): Promise<UserKeys> {
    const record = this.#ready(did)
    // Of an unattended user without the root seed no passphrase protects anything.
    const needless = record?.masterKey.kdf === 'file' && record.root === null
    const keys =
      passphrase === undefined || needless
        ? record && this.#openUnattended(record)
        : await this.#attempts.attempt(userHash(did), () => this.#tryPassphrase(record, passphrase))
    if (!keys) throw new VivimError('Unauthorized', 'No such user, or not their passphrase.')
    return keys
  }

  /**
   * The root key, where this device keeps it under a passphrase.
   * @throws VivimError `Unauthorized` for a wrong passphrase, and where the root is not on this device; `RateLimited`
   */
  async rootKey(did: string, passphrase: string): Promise<KeyObject> {
    const root = this.#ready(did)?.root
    const open = () => (root ? openWithPassphrase(passphrase, ['root seed', did], root) : undefined)
    const seed = root && (await this.#attempts.attempt(userHash(did), async () => open()))
    if (seed) return privateKeyOfSeed(seed)
    throw new VivimError(
      'Unauthorized',
      root ? 'That is not the passphrase.' : 'The root key is not on this device.',
      root ? {} : { hint: 'The 24 words of the recovery phrase are the root key.' },
    )
  }

  /**
   * Stores renewed certificates of the device, and the epoch keys as they are now; no secret is opened for it.
   * @throws VivimError `NotFound`, `Corrupt` when the certificates are not those of the device
   */
  renew(keys: UserKeys): void {
    const record = this.#ready(keys.did)
    if (!record) throw new VivimError('NotFound')
    if (record.deviceDid !== keys.deviceDid || !isChainOf(keys))
      throw new VivimError('Corrupt', 'The certificates are not those of this device.')
    const epochs = base64(wrapEpochs(keys, this.#random))
    const renewed = { ...record, certificates: keys.chain.map(base64), epochs }
    replaceFile(this.#recordPath(keys.did), encodeRecord(renewed))
  }

  /** Whether this device keeps the root key under a passphrase. */
  holdsRoot(did: string): boolean {
    return Boolean(this.#ready(did)?.root)
  }

  /** Shreds the user's keys and name in one step; `remove` ends it once the database is gone. */
  beginDelete(did: string): void {
    if (!readRecord(this.#recordPath(did))) throw new VivimError('NotFound')
    replaceFile(this.#recordPath(did), encodeRecord(DELETING))
    shredFile(this.#keyPath(did), this.#random)
  }

  /** The last trace of a deleted user. */
  remove(did: string): void {
    this.#removeFiles(userHash(did))
  }

  /**
   * At start: finishes deletions and removes half-made users. `removeDatabase` gets the name both kinds of files have.
   * Answers the names of keystores that cannot be read; they are left alone.
   */
  async sweep(removeDatabase: (hash: string) => void | Promise<void>): Promise<{ unreadable: string[] }> {
    for (const name of this.#names(TEMPORARY)) shredFile(join(this.#folder, name), this.#random)
    const unreadable: string[] = []
    for (const name of this.#names('.json')) {
      const hash = name.slice(0, -'.json'.length)
      const record = this.#tryRead(name)
      if (!record) unreadable.push(name)
      if (!record || record.state === 'ready') continue
      await removeDatabase(hash)
      this.#removeFiles(hash)
    }
    const owners = new Set(this.#names('.json').map((name) => name.replace(/\.json$/, '.key')))
    for (const name of this.#names('.key'))
      if (!owners.has(name)) shredFile(join(this.#folder, name), this.#random)
    return { unreadable }
  }

  #ready(did: string): KeystoreRecord | undefined {
    const record = readRecord(this.#recordPath(did))
    if (record?.state !== 'ready') return undefined
    if (record.did !== did) throw new VivimError('Corrupt', "A keystore file is another user's.")
    return record
  }

  async #tryPassphrase(
    record: KeystoreRecord | undefined,
    passphrase: string,
  ): Promise<UserKeys | undefined> {
    if (!record) {
      await spendDerivation(passphrase)
      return undefined
    }
    const { did, masterKey, root } = record
    if (masterKey.kdf === 'file') {
      const seed = await openWithPassphrase(passphrase, ['root seed', did], root!)
      return seed && this.#openUnattended(record)
    }
    const key = await openWithPassphrase(passphrase, ['master key', did], masterKey)
    return key && openSecrets(record, key)
  }

  #openUnattended(record: KeystoreRecord): UserKeys | undefined {
    const { did, masterKey } = record
    if (masterKey.kdf !== 'file') return undefined
    const sealed = Buffer.from(masterKey.sealed, 'base64')
    const key = unseal(this.#readKeyFile(did), ['master key', did, 'file'], sealed)
    if (!key) throw new VivimError('Corrupt', 'A keystore does not open with its key file.')
    return openSecrets(record, key)
  }

  #readKeyFile(did: string): Uint8Array {
    try {
      return readFileSync(this.#keyPath(did))
    } catch (cause) {
      throw new VivimError('Corrupt', "An unattended user's key file cannot be read.", { cause })
    }
  }

  #removeFiles(hash: string): void {
    shredFile(join(this.#folder, `${hash}.key`), this.#random)
    rmSync(join(this.#folder, `${hash}.json`), { force: true })
    syncFolder(this.#folder)
  }

  #names(suffix: string): string[] {
    return readdirSync(this.#folder).filter((name) => name.endsWith(suffix))
  }

  #tryRead(name: string) {
    try {
      const record = readRecord(join(this.#folder, name))
      return record?.state === 'ready' && `${userHash(record.did)}.json` !== name ? undefined : record
    } catch {
      return undefined
    }
  }

  #recordPath(did: string): string {
    return join(this.#folder, `${userHash(did)}.json`)
  }

  #keyPath(did: string): string {
    return join(this.#folder, `${userHash(did)}.key`)
  }
}

function openSecrets(record: KeystoreRecord, masterKey: Uint8Array): UserKeys {
  const { did, deviceDid } = record
  const bytes = unseal(masterKey, ['secrets', did, deviceDid], Buffer.from(record.secrets, 'base64'))
  const secrets = bytes && decodeSecrets(bytes)
  const chain = record.certificates.map((certificate) => Buffer.from(certificate, 'base64'))
  const keys = secrets && keysOf(did, secrets, chain)
  if (keys?.deviceDid !== deviceDid || !isChainOf(keys))
    throw new VivimError('Corrupt', 'A keystore file failed its check.')
  if (record.epochs === undefined) return keys
  return { ...keys, epochs: withRenewedEpochs(keys, Buffer.from(record.epochs, 'base64')) }
}

/** Whether the certificates lead from the root key to the device. */
function isChainOf({ did, deviceDid, chain }: UserKeys): boolean {
  const certificate = lastOfChain(chain)
  return certificate?.did === did && certificate.deviceDid === deviceDid
}

function toUserRecord({ did, displayName, deviceDid, masterKey, createdAt }: KeystoreRecord): UserRecord {
  return { did, displayName, deviceDid, unattended: masterKey.kdf === 'file', createdAt }
}

function taken(): VivimError {
  return new VivimError('Conflict', 'That user is on this node already.')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
