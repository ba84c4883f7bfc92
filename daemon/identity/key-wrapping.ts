import { argon2, createCipheriv, createDecipheriv } from 'node:crypto'
import { promisify } from 'node:util'
import { z } from 'zod'
import { type Cbor, encodeCanonical } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'

export type Random = (bytes: number) => Uint8Array

const DOMAIN = 'vivimd/keystore/1'
const NONCE = 12
const TAG = 16
const SALT = 16

/** RFC 9106's second choice: 64 MiB, 3 passes; about 0.15 s on one core. */
const DEFAULT_COST = { memoryKiB: 64 * 1024, passes: 3, parallelism: 1 } as const

/**
 * What a file may ask for. Below the floor a passphrase would be cheap to guess; above the ceiling a planted file
 * would make this node spend its memory.
 */
const Cost = {
  memoryKiB: z
    .int()
    .min(DEFAULT_COST.memoryKiB)
    .max(256 * 1024),
  passes: z.int().min(DEFAULT_COST.passes).max(16),
  parallelism: z.int().min(1).max(4),
}

/** A secret under a passphrase. Everything but `sealed` is authenticated with it. */
export const PassphraseContainer = z.strictObject({
  kdf: z.literal('argon2id'),
  ...Cost,
  /** 16 bytes. */
  salt: z.base64().length(24),
  sealed: z.base64(),
})
export type PassphraseContainer = z.infer<typeof PassphraseContainer>

/** AES-256-GCM with a random nonce: nonce 12, tag 16, ciphertext. `about` is authenticated, not stored. */
export function seal(
  key: Uint8Array,
  about: readonly Cbor[],
  secret: Uint8Array,
  random: Random,
): Uint8Array {
  const nonce = random(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(encodeCanonical([DOMAIN, ...about]))
  const body = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** The secret, or undefined when key, `about` or bytes are not those of `seal`. */
export function unseal(key: Uint8Array, about: readonly Cbor[], sealed: Uint8Array): Uint8Array | undefined {
  if (sealed.length < NONCE + TAG) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAAD(encodeCanonical([DOMAIN, ...about]))
    decipher.setAuthTag(sealed.subarray(NONCE, NONCE + TAG))
    const parts = [decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()]
    return ownBytes(Buffer.concat(parts))
  } catch {
    return undefined
  }
}

export async function sealWithPassphrase(
  passphrase: string,
  about: readonly Cbor[],
  secret: Uint8Array,
  random: Random,
): Promise<PassphraseContainer> {
  const head = {
    kdf: 'argon2id',
    ...DEFAULT_COST,
    salt: Buffer.from(random(SALT)).toString('base64'),
  } as const
  const key = await derive(passphrase, head)
  const sealed = seal(key, [...about, ...headParts(head)], secret, random)
  return { ...head, sealed: Buffer.from(sealed).toString('base64') }
}

/** The secret, or undefined for another passphrase or changed bytes: nobody can tell the two apart. */
export async function openWithPassphrase(
  passphrase: string,
  about: readonly Cbor[],
  container: PassphraseContainer,
): Promise<Uint8Array | undefined> {
  if (!PassphraseContainer.safeParse(container).success)
    throw new VivimError('Corrupt', 'The keystore asks for parameters outside the allowed range.')
  const { sealed, ...head } = container
  const key = await derive(passphrase, head)
  return unseal(key, [...about, ...headParts(head)], Buffer.from(sealed, 'base64'))
}

/** Costs what opening a container costs, so that an unknown name takes as long as a wrong passphrase. */
export async function spendDerivation(passphrase: string): Promise<void> {
  await derive(passphrase, { ...DEFAULT_COST, salt: Buffer.alloc(SALT).toString('base64') })
}

type Head = Pick<PassphraseContainer, 'memoryKiB' | 'passes' | 'parallelism' | 'salt'>

function headParts({ memoryKiB, passes, parallelism, salt }: Head): Cbor[] {
  return ['argon2id', memoryKiB, passes, parallelism, salt]
}

const deriveArgon2 = promisify(argon2)
let lastDerivation: Promise<unknown> = Promise.resolve()

/** One at a time: each holds 64 MiB or more, and they share the thread pool with file access. */
function derive(passphrase: string, { memoryKiB, passes, parallelism, salt }: Head): Promise<Buffer> {
  const derivation = lastDerivation.then(() =>
    deriveArgon2('argon2id', {
      message: Buffer.from(passphrase.normalize('NFKC')),
      nonce: Buffer.from(salt, 'base64'),
      parallelism,
      tagLength: 32,
      memory: memoryKiB,
      passes,
    }),
  )
  lastDerivation = derivation.catch(() => undefined)
  return derivation
}

/** A copy with a buffer of its own: a pooled one would carry its neighbours to another thread. */
function ownBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
