import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../../daemon/identity/device-certificate.ts'
import { decodeDid, encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, sign, verify } from '../../../daemon/identity/ed25519.ts'
import { openWithPassphrase } from '../../../daemon/identity/key-wrapping.ts'
import { Keystore, type NewUser, type PairedUser } from '../../../daemon/identity/keystore.ts'
import { lastOfChain } from '../../../daemon/identity/member-document.ts'
import { userHash } from '../../../daemon/identity/user-hash.ts'
import {
  type DeviceSecrets,
  decodeSecrets,
  encodeSecrets,
  makeSecrets,
  type UserKeys,
} from '../../../daemon/identity/user-keys.ts'
import { xWingPublicKey } from '../../../daemon/identity/x-wing.ts'
import { VivimError } from '../../../schema/errors.ts'
import { byteSearch } from '../../support/byte-search.ts'

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

let folder: string
let now: number
let keystore: Keystore

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vivim-keys-')), 'keys')
  now = 1_000_000
  keystore = new Keystore({ folder, now: () => now, random })
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }))

async function makeUser(changes: Partial<NewUser> = {}): Promise<string> {
  const unattended = changes.passphrase === undefined
  const { did } = await keystore.create({ rootSeed: random(32), displayName: 'Ann', unattended, ...changes })
  keystore.finish(did)
  return did
}

const recordPath = (did: string) => join(folder, `${userHash(did)}.json`)
const readJson = (did: string) => JSON.parse(readFileSync(recordPath(did), 'utf8'))
const writeJson = (did: string, value: unknown) => writeFileSync(recordPath(did), JSON.stringify(value))

describe('an unattended keystore', () => {
  it('opens without a passphrase, for this process and the next', async () => {
    const did = await makeUser()
    const keys = await keystore.unlock(did)
    expect(verify(decodeDid(keys.deviceDid), Buffer.from('m'), sign(keys.deviceKey, Buffer.from('m')))).toBe(
      true,
    )
    const next = await new Keystore({ folder, now: () => now, random }).unlock(did)
    expect(next.vaultKey).toEqual(keys.vaultKey)
    expect(next.spaceSecret).toEqual(keys.spaceSecret)
    expect(next.bootToken).toEqual(keys.bootToken)
    expect(new Set([keys.vaultKey, keys.spaceSecret, keys.bootToken].map(String)).size).toBe(3)
  })

  it('gives secrets in buffers of their own', async () => {
    const keys = await keystore.unlock(await makeUser())
    for (const secret of [keys.vaultKey, keys.spaceSecret, keys.bootToken])
      expect(secret.buffer.byteLength).toBe(32)
  })

  it('forgets the root seed', async () => {
    const rootSeed = random(32)
    const did = await makeUser({ rootSeed })
    expect(readJson(did).root).toBeNull()
    const seed = Buffer.from(rootSeed)
    for (const name of readdirSync(folder)) {
      const content = readFileSync(join(folder, name))
      for (const form of [seed, seed.toString('hex'), seed.toString('base64')])
        expect(content.includes(form)).toBe(false)
    }
  })

  it('is two files that nobody else may read, in a folder nobody else may enter', async () => {
    const did = await makeUser()
    expect(readdirSync(folder).sort()).toEqual([`${userHash(did)}.json`, `${userHash(did)}.key`])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600)
  })

  it('is Corrupt without its key file or with another one', async () => {
    const did = await makeUser()
    const path = join(folder, `${userHash(did)}.key`)
    writeFileSync(path, random(32))
    await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Corrupt' })
    rmSync(path)
    await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Corrupt' })
  })

  it('may have a passphrase over its root seed, which must then be right when given', async () => {
    const rootSeed = random(32)
    const did = await makeUser({ rootSeed, passphrase: 'correct', unattended: true })
    await keystore.unlock(did)
    await keystore.unlock(did, 'correct')
    await expect(keystore.unlock(did, 'wrong')).rejects.toMatchObject({ code: 'Unauthorized' })
    expect(await openWithPassphrase('correct', ['root seed', did], readJson(did).root)).toEqual(rootSeed)
  })
})

describe('a keystore with a passphrase', () => {
  it('opens with it and with no other', async () => {
    const did = await makeUser({ passphrase: 'Größe 1' })
    const keys = await keystore.unlock(did, 'Größe 1')
    // The same characters, decomposed, as another keyboard sends them.
    expect((await keystore.unlock(did, 'Größe 1'.normalize('NFD'))).deviceDid).toBe(keys.deviceDid)
    for (const wrong of ['größe 1', 'Größe 1 ', ''])
      await expect(keystore.unlock(did, wrong)).rejects.toMatchObject({ code: 'Unauthorized' })
    await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Unauthorized' })
    expect(keystore.get(did)).toMatchObject({
      did,
      unattended: false,
      displayName: 'Ann',
      createdAt: 1_000_000,
    })
    expect(existsSync(join(folder, `${userHash(did)}.key`))).toBe(false)
  })

  it('keeps the root seed in a container of its own', async () => {
    const rootSeed = random(32)
    const did = await makeUser({ rootSeed, passphrase: 'one' })
    const { root, masterKey } = readJson(did)
    expect(root.salt).not.toBe(masterKey.salt)
    expect(await openWithPassphrase('one', ['root seed', did], root)).toEqual(rootSeed)
    expect(await openWithPassphrase('one', ['master key', did], root)).toBeUndefined()
    expect(publicKeyBytes(privateKeyOfSeed(rootSeed))).toEqual(decodeDid(did))
  })

  it('answers an unknown user and a wrong passphrase alike, in time too', async () => {
    const did = await makeUser({ passphrase: 'one' })
    const unknown = await keystoreDid()
    const outcome = async (who: string, passphrase?: string) => {
      const started = performance.now()
      const error = await keystore.unlock(who, passphrase).catch((caught: VivimError) => caught)
      return { shape: (error as VivimError).toObject(), ms: performance.now() - started }
    }
    const [wrong, nobody] = [await outcome(did, 'two'), await outcome(unknown, 'two')]
    expect(nobody.shape).toEqual(wrong.shape)
    expect(nobody.ms).toBeGreaterThan(wrong.ms / 10)
    expect((await outcome(unknown)).shape).toEqual((await outcome(did)).shape)
  })

  it('allows ten wrong tries a minute, counting parallel ones, for unknown users alike', async () => {
    const did = await makeUser({ passphrase: 'one' })
    for (const who of [did, await keystoreDid()]) {
      const tries = await Promise.all(
        Array.from({ length: 15 }, () =>
          keystore.unlock(who, 'two').catch((error: VivimError) => error.code),
        ),
      )
      expect(tries.filter((code) => code === 'Unauthorized').length).toBe(10)
      expect(tries.filter((code) => code === 'RateLimited').length).toBe(5)
    }
    const limited = await keystore.unlock(did, 'one').catch((error: VivimError) => error)
    expect(limited).toMatchObject({ code: 'RateLimited', retryAfterMs: 60_000 })
    now += 60_001
    await keystore.unlock(did, 'one')
  })

  it('never counts right ones', async () => {
    const did = await makeUser({ passphrase: 'one' })
    for (let round = 0; round < 12; round++) await keystore.unlock(did, 'one')
  })
})

describe('the keystore of a new user', () => {
  it('holds what every device of theirs has, and the chain that makes this one theirs', async () => {
    const did = await makeUser()
    const keys = await keystore.unlock(did)
    expect(keys.epochs).toEqual([{ epoch: 0, key: expect.any(Uint8Array) }])
    expect(keys.receiveKey).toEqual(xWingPublicKey(keys.receiveSeed))
    expect(keys.chain.length).toBe(1)
    expect(lastOfChain(keys.chain)).toMatchObject({ did, deviceDid: keys.deviceDid, issuer: did })
    const secrets = [keys.receiveSeed, keys.vaultKey, keys.spaceSecret, keys.bootToken, keys.epochs[0]!.key]
    expect(new Set(secrets.map(String)).size).toBe(5)
    for (const bytes of [...secrets, keys.receiveKey, ...keys.chain])
      expect(bytes.buffer.byteLength).toBe(bytes.length)
  })
})

describe('the keystore of a paired device', () => {
  const secretsOf = ({ vaultKey, spaceSecret }: UserKeys): DeviceSecrets => ({
    ...makeSecrets(random),
    vaultKey,
    spaceSecret,
    epochs: [0, 3, 9].map((epoch) => ({ epoch, key: random(32) })),
  })

  async function pair(changes: Partial<PairedUser> = {}): Promise<{ user: PairedUser; elsewhere: UserKeys }> {
    const first = new Keystore({ folder: join(folder, '..', 'first'), now: () => now, random })
    const elsewhere = await first.create({ rootSeed: random(32), displayName: 'Ann', unattended: true })
    const secrets = secretsOf(elsewhere)
    const deviceDid = encodeDid(publicKeyBytes(privateKeyOfSeed(secrets.deviceSeed)))
    const certificate = issueDeviceCertificate(elsewhere.deviceKey, {
      did: elsewhere.did,
      deviceDid,
      issuer: elsewhere.deviceDid,
      capabilities: PAIRED_CAPABILITIES,
      sequence: 2,
      issuedAt: now,
    })
    const { did } = elsewhere
    const chain = [...elsewhere.chain, certificate]
    return { user: { did, displayName: 'Ann', secrets, chain, unattended: true, ...changes }, elsewhere }
  }

  it('gives back what was handed over, without the root seed, also to the next process', async () => {
    const { user } = await pair()
    const made = await keystore.createPaired(user)
    expect(keystore.list()).toEqual([])
    keystore.finish(user.did)
    expect(readJson(user.did).root).toBeNull()
    for (const keys of [made, await new Keystore({ folder, now: () => now, random }).unlock(user.did)]) {
      const { deviceSeed, ...rest } = user.secrets
      expect(keys).toMatchObject({
        ...rest,
        did: user.did,
        chain: user.chain.map((bytes) => new Uint8Array(bytes)),
      })
      expect(keys.deviceDid).toBe(encodeDid(publicKeyBytes(privateKeyOfSeed(deviceSeed))))
    }
    await expect(keystore.createPaired(user)).rejects.toMatchObject({ code: 'Conflict' })
  })

  it('opens with its passphrase and with no other', async () => {
    const { user } = await pair({ passphrase: 'one', unattended: false })
    await keystore.createPaired(user)
    keystore.finish(user.did)
    expect((await keystore.unlock(user.did, 'one')).vaultKey).toEqual(user.secrets.vaultKey)
    for (const wrong of [undefined, 'two', ''])
      await expect(keystore.unlock(user.did, wrong)).rejects.toMatchObject({ code: 'Unauthorized' })
    expect(keystore.get(user.did)).toMatchObject({ unattended: false })
  })

  it('is refused when the certificates do not lead to it', async () => {
    const { user, elsewhere } = await pair()
    const other = await pair()
    for (const chain of [
      elsewhere.chain,
      user.chain.slice(1),
      [],
      other.user.chain,
      [...user.chain].reverse(),
    ])
      await expect(keystore.createPaired({ ...user, chain })).rejects.toMatchObject({ code: 'Corrupt' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('is Corrupt once its chain was cut or its secrets are not canonical', async () => {
    const { user } = await pair()
    await keystore.createPaired(user)
    keystore.finish(user.did)
    const record = readJson(user.did)
    for (const certificates of [record.certificates.slice(1), record.certificates.slice(0, 1), []]) {
      writeJson(user.did, { ...record, certificates })
      await expect(keystore.unlock(user.did)).rejects.toMatchObject({ code: 'Corrupt' })
    }
  })

  it('is swept away when the process ended before it was a user', async () => {
    const { user } = await pair()
    await keystore.createPaired(user)
    const removed: string[] = []
    await keystore.sweep((hash) => void removed.push(hash))
    expect(removed).toEqual([userHash(user.did)])
    expect(readdirSync(folder)).toEqual([])
  })

  it('keeps secrets in a form that only what wrote it reads', async () => {
    const secrets = secretsOf(
      await keystore.create({ rootSeed: random(32), displayName: null, unattended: true }),
    )
    expect(decodeSecrets(encodeSecrets(secrets))).toEqual(secrets)
    const [first, second] = secrets.epochs
    for (const epochs of [[], [second!, first!], [first!, first!], [{ epoch: -1, key: first!.key }]])
      expect(decodeSecrets(encodeSecrets({ ...secrets, epochs }))).toBeUndefined()
    expect(decodeSecrets(encodeSecrets({ ...secrets, receiveSeed: random(31) }))).toBeUndefined()
    expect(decodeSecrets(encodeSecrets(secrets).slice(1))).toBeUndefined()
  })
})

describe('a keystore file that was tampered with', () => {
  it.each([
    ['memory below the floor', 'memoryKiB', 64 * 1024 - 1],
    ['memory above the ceiling', 'memoryKiB', 64 * 1024 * 1024],
    ['passes below the floor', 'passes', 2],
    ['passes above the ceiling', 'passes', 1_000_000],
    ['no lanes', 'parallelism', 0],
    ['too many lanes', 'parallelism', 1_000],
    ['a short salt', 'salt', 'AAAA'],
    ['a long salt', 'salt', Buffer.alloc(1_000).toString('base64')],
    ['another function', 'kdf', 'argon2i'],
  ])('is refused before any work: %s', async (_what, field, value) => {
    const did = await makeUser({ passphrase: 'one' })
    const record = readJson(did)
    writeJson(did, { ...record, masterKey: { ...record.masterKey, [field]: value } })
    const started = performance.now()
    await expect(keystore.unlock(did, 'one')).rejects.toMatchObject({ code: 'Corrupt' })
    await expect(openWithPassphrase('one', [], { ...record.masterKey, [field]: value })).rejects.toThrow(
      VivimError,
    )
    // The ceiling would cost minutes, and what is above the floor says another error.
    expect(performance.now() - started).toBeLessThan(2_000)
    expect(await keystore.sweep(() => undefined)).toEqual({ unreadable: [`${userHash(did)}.json`] })
    expect(existsSync(recordPath(did))).toBe(true)
  })

  it('does not open with allowed parameters that are not its own', async () => {
    const did = await makeUser({ passphrase: 'one' })
    const record = readJson(did)
    for (const change of [
      { passes: 4 },
      { memoryKiB: 80 * 1024 },
      { salt: Buffer.alloc(16).toString('base64') },
    ]) {
      writeJson(did, { ...record, masterKey: { ...record.masterKey, ...change } })
      await expect(keystore.unlock(did, 'one')).rejects.toMatchObject({ code: 'Unauthorized' })
    }
    writeJson(did, { ...record, masterKey: record.root })
    await expect(keystore.unlock(did, 'one')).rejects.toMatchObject({ code: 'Unauthorized' })
  })

  it("does not open with another user's parts", async () => {
    const [ann, ben] = [await makeUser(), await makeUser()]
    const [annRecord, benRecord] = [readJson(ann), readJson(ben)]
    for (const part of ['masterKey', 'secrets', 'certificates', 'deviceDid', 'did']) {
      writeJson(ann, { ...annRecord, [part]: benRecord[part] })
      await expect(keystore.unlock(ann)).rejects.toMatchObject({ code: 'Corrupt' })
    }
    writeJson(ann, benRecord)
    await expect(keystore.unlock(ann)).rejects.toMatchObject({ code: 'Corrupt' })
    expect(keystore.list().map(({ did }) => did)).toEqual([ben])
  })

  it.each(['', '{', 'null', '[]', '{"format":"vivimd/keystore/2"}', '\0'])(
    'is Corrupt as %j',
    async (text) => {
      const did = await makeUser()
      writeFileSync(recordPath(did), text)
      await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Corrupt' })
      expect(keystore.list()).toEqual([])
    },
  )

  it('never says who it was', async () => {
    const did = await makeUser()
    writeJson(did, { ...readJson(did), secrets: '' })
    const error = (await keystore.unlock(did).catch((caught: unknown) => caught)) as VivimError
    expect(`${error.message}${JSON.stringify(error.data)}`).not.toMatch(/did:key|tmp|json/)
  })
})

describe('the life of a keystore', () => {
  it('has one user per DID', async () => {
    const rootSeed = random(32)
    await makeUser({ rootSeed })
    await expect(makeUser({ rootSeed })).rejects.toMatchObject({ code: 'Conflict' })
    const other = random(32)
    const outcomes = await Promise.allSettled([
      makeUser({ rootSeed: other }),
      makeUser({ rootSeed: other, passphrase: 'one' }),
    ])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(keystore.list().length).toBe(2)
  })

  it('shows no user before `finish` and none after `beginDelete`', async () => {
    const { did } = await keystore.create({ rootSeed: random(32), displayName: null, unattended: true })
    expect(keystore.get(did)).toBeUndefined()
    await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Unauthorized' })
    keystore.finish(did)
    expect(keystore.list().map((user) => user.did)).toEqual([did])
    keystore.beginDelete(did)
    expect(keystore.list()).toEqual([])
    await expect(keystore.unlock(did)).rejects.toMatchObject({ code: 'Unauthorized' })
  })

  it('has no key and no name left from the first step of a deletion on', async () => {
    const did = await makeUser({ displayName: 'Rosalind Unusualname', passphrase: 'one' })
    keystore.beginDelete(did)
    expect(byteSearch(folder, 'Rosalind Unusualname')).toEqual([])
    expect(byteSearch(folder, did.slice(8))).toEqual([])
    keystore.remove(did)
    expect(readdirSync(folder)).toEqual([])
  })

  it('is swept: half-made and half-deleted users, orphaned keys and temporary files go, users stay', async () => {
    const ready = await makeUser()
    const { did: creating } = await keystore.create({
      rootSeed: random(32),
      displayName: null,
      unattended: true,
    })
    const deleting = await makeUser()
    keystore.beginDelete(deleting)
    writeFileSync(join(folder, `${'ab'.repeat(32)}.key`), random(32))
    writeFileSync(`${recordPath(ready)}.tmp`, '{')
    const removed: string[] = []
    const { unreadable } = await keystore.sweep((hash) => void removed.push(hash))
    expect(unreadable).toEqual([])
    expect(removed.sort()).toEqual([creating, deleting].map(userHash).sort())
    expect(readdirSync(folder).sort()).toEqual([`${userHash(ready)}.json`, `${userHash(ready)}.key`])
    await keystore.unlock(ready)
  })

  it('stays half-deleted when the database cannot be removed, and is finished by the next sweep', async () => {
    const did = await makeUser()
    keystore.beginDelete(did)
    await expect(
      keystore.sweep(() => {
        throw new Error('busy')
      }),
    ).rejects.toThrow('busy')
    expect(existsSync(recordPath(did))).toBe(true)
    await keystore.sweep(() => undefined)
    expect(readdirSync(folder)).toEqual([])
  })
})

/** A DID this node does not know. */
async function keystoreDid(): Promise<string> {
  const elsewhere = new Keystore({ folder: join(folder, '..', 'elsewhere'), now: () => now, random })
  return (await elsewhere.create({ rootSeed: random(32), displayName: null, unattended: true })).did
}
