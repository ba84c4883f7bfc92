import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { base32 } from '@scure/base'
import { VivimError } from '../../schema/errors.ts'

const NONCE = 12
const TAG = 16

/**
 * Seals bytes under the vault key: AES-256-GCM with one derived key per purpose. The nonce is a MAC of the plain
 * bytes (a synthetic IV, as in RFC 8452), so equal bytes seal equally and a recapture changes no row, and no two
 * different plaintexts ever share a nonce. Layout: nonce 12, tag 16, ciphertext.
 */
export class Sealing {
  readonly #vaultKey: KeyObject
  readonly #keys = new Map<string, { readonly encrypt: KeyObject; readonly nonce: KeyObject }>()

  /** @param vaultKey 32 bytes from the keystore; the same on each of the person's devices. */
  constructor(vaultKey: Uint8Array) {
    this.#vaultKey = createSecretKey(vaultKey)
  }

  seal(purpose: string, bytes: Uint8Array): Uint8Array {
    const { encrypt, nonce: nonceKey } = this.#purpose(purpose)
    const nonce = createHmac('sha256', nonceKey).update(bytes).digest().subarray(0, NONCE)
    const cipher = createCipheriv('aes-256-gcm', encrypt, nonce)
    cipher.setAAD(Buffer.from(purpose))
    const body = Buffer.concat([cipher.update(bytes), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), body])
  }

  /** Throws `Corrupt` when the bytes were not sealed with this key for this purpose. */
  unseal(purpose: string, sealed: Uint8Array): Uint8Array {
    try {
      const decipher = createDecipheriv(
        'aes-256-gcm',
        this.#purpose(purpose).encrypt,
        sealed.subarray(0, NONCE),
      )
      decipher.setAAD(Buffer.from(purpose))
      decipher.setAuthTag(sealed.subarray(NONCE, NONCE + TAG))
      return Buffer.concat([decipher.update(sealed.subarray(NONCE + TAG)), decipher.final()])
    } catch (cause) {
      throw new VivimError('Corrupt', 'Sealed data failed its check.', { cause })
    }
  }

  /** Ten base32 characters of a MAC of the text: the same secret gets the same name, and no guess is confirmed. */
  tag(text: string): string {
    const mac = createHmac('sha256', this.#purpose('secret-tag').nonce).update(text).digest()
    return base32.encode(mac).slice(0, 10).toLowerCase()
  }

  #purpose(purpose: string) {
    let keys = this.#keys.get(purpose)
    if (!keys) {
      const derived = Buffer.from(hkdfSync('sha256', this.#vaultKey, '', `vivim/seal/1/${purpose}`, 64))
      keys = {
        encrypt: createSecretKey(derived.subarray(0, 32)),
        nonce: createSecretKey(derived.subarray(32)),
      }
      this.#keys.set(purpose, keys)
    }
    return keys
  }
}
