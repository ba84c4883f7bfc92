import { certifiedUntil, chainBehind, isRenewalDue } from '../identity/certificate-life.ts'
import { issuersIn } from '../identity/device-certificate.ts'
import { encodeDid } from '../identity/did.ts'
import { lastOfChain, type MemberDocument } from '../identity/member-document.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { Network } from '../network/network.ts'
import { type Grant, makeGrant, mayEnroll, openGrant } from '../pairing/grant.ts'
import type { KnownDevice, KnownDevices } from './known-devices.ts'
import { askForRenewal } from './renewal-protocol.ts'

/** How long after one try the next comes: while there is time, and once it is over. */
const RETRY_MS = 10 * 60_000
const RETRY_EXPIRED_MS = 5_000

export interface OwnCertificateOptions {
  /** As they are now. */
  readonly keys: () => UserKeys
  readonly devices: KnownDevices
  readonly network: Network
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
  readonly count: (name: string) => void
  /** Takes the new certificates, and the epoch keys that came with them, and answers this device's document with them. */
  readonly adopt: (renewed: Pick<Grant, 'chain' | 'epochs'>) => Promise<Uint8Array | undefined>
}

/** The certificates of this device, which end a year after they were made, and those it renews for others. */
export class OwnCertificate {
  readonly #options: OwnCertificateOptions
  #triedAt = -Infinity
  #renewing = false
  /** How long the issuer of this device is certified, as far as is known. */
  #issuerLasts = 0

  constructor(options: OwnCertificateOptions) {
    this.#options = options
  }

  /**
   * Whether another device may be met, by its certificates. Who is over the end itself, by the own clock, may have a clock
   * that runs ahead: then what the other one calls now decides, where it is earlier.
   */
  accepts({ chain }: Pick<MemberDocument, 'chain'>, peerTime: number): boolean {
    const now = this.#options.now()
    const own = certifiedUntil(this.#options.keys().chain)
    if (certifiedUntil(chain) > (own <= now ? Math.min(now, peerTime) : now)) return true
    this.#options.count('sync.certificates.expired')
    return false
  }

  /** The devices are known better: takes over the certificates that the issuer has by now. Never throws. */
  async follow(others: readonly KnownDevice[]): Promise<void> {
    const { keys, devices, adopt } = this.#options
    const { chain, epochs } = keys()
    const issuer = issuersIn(chain).at(-1)
    const document = issuer && devices.documentOf(encodeDid(issuer))
    if (!document) return
    const lasts = certifiedUntil(document.chain)
    const candidate = chainBehind(document.chain, chain)
    if (candidate && certifiedUntil(candidate) > certifiedUntil(chain))
      await adopt({ chain: candidate, epochs }).catch((error: unknown) => this.#notKept(error))
    if (lasts <= this.#issuerLasts) return
    this.#issuerLasts = lasts
    // It can give now what it could not before.
    this.#triedAt = -Infinity
    await this.renewIfDue(others)
  }

  /** Asks the device that let this one in, when it is time to, for a certificate that lasts longer. Never throws. */
  async renewIfDue(others: readonly KnownDevice[]): Promise<void> {
    const { keys, devices, now, log, network } = this.#options
    const { chain, deviceDid } = keys()
    const until = certifiedUntil(chain)
    const pause = until <= now() ? RETRY_EXPIRED_MS : RETRY_MS
    if (!isRenewalDue(chain, now()) || this.#renewing || !network.running) return
    if (performance.now() - this.#triedAt < pause || devices.excludes(deviceDid)) return
    this.#triedAt = performance.now()
    this.#renewing = true
    try {
      const issuer = others.find((other) => other.deviceDid === lastOfChain(chain)?.issuer)
      if (issuer && (await this.#renewWith(issuer))) return
      log.warn({ until }, 'the certificate of this device ends: who let it in, or the root key, renews it')
    } finally {
      this.#renewing = false
    }
  }

  /**
   * A new certificate for a device that this one let in, wrapped for it with all that it may have missed; undefined for any
   * other, for one that was taken out or is not due, and where this one cannot give what lasts longer.
   */
  grantFor(member: MemberDocument): Uint8Array | undefined {
    const { keys, devices, now, random, count } = this.#options
    const own = keys()
    const document = devices.documentOf(own.deviceDid)
    const known = devices.documentOf(member.deviceDid)
    if (!document || !known || devices.excludes(own.deviceDid) || devices.excludes(member.deviceDid))
      return undefined
    // Another issuer would hide who let it in: what a stolen device let in goes with it.
    if (lastOfChain(member.chain)?.issuer !== own.deviceDid) return undefined
    const until = certifiedUntil(own.chain)
    if (until <= now() || until <= certifiedUntil(member.chain)) return undefined
    if (!isRenewalDue(member.chain, now()) || !mayEnroll(own)) return undefined
    if (!lastOfChain(own.chain)?.capabilities.includes('enroll')) return undefined
    count('sync.certificates.given')
    const { bytes } = document
    return makeGrant(own, member, { displayName: null, document: bytes, now: now() }, random)
  }

  async #renewWith(other: KnownDevice): Promise<boolean> {
    const { keys, devices, network, log, count, adopt } = this.#options
    const { did, deviceDid, deviceKey, receiveSeed, chain } = keys()
    const document = devices.documentOf(deviceDid)
    if (!document) return false
    try {
      return await askForRenewal(network, other, { document: document.bytes, deviceKey }, async (wrapped) => {
        const grant = openGrant(wrapped, { receiveSeed, did, deviceDid })
        if (!grant || certifiedUntil(grant.chain) <= certifiedUntil(chain)) return undefined
        const renewed = await adopt(grant)
        count('sync.certificates.renewed')
        log.info(
          { by: other.deviceDid, until: certifiedUntil(grant.chain) },
          'the certificate of this device is renewed',
        )
        return renewed
      })
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.info(
        { device: other.deviceDid, reason },
        'another device did not renew the certificate of this one',
      )
      return false
    }
  }

  #notKept(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.warn({ reason }, 'a renewed certificate is not kept')
  }
}
