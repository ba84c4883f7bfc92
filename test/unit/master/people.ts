import { createHash, type KeyObject } from 'node:crypto'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { signMembershipEntry } from '../../../crdt/membership-entry.ts'
import { issueConnectionRecord } from '../../../daemon/identity/connection-record.ts'
import { issueDeviceCertificate, PAIRED_CAPABILITIES } from '../../../daemon/identity/device-certificate.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes, sign } from '../../../daemon/identity/ed25519.ts'
import { issueMemberDocument } from '../../../daemon/identity/member-document.ts'
import { issueSealedRecord } from '../../../daemon/identity/sealed-record.ts'
import { issueSuccession } from '../../../daemon/identity/successor.ts'
import { issueUserRecord } from '../../../daemon/identity/user-record.ts'
import { issueVouchedStatement } from '../../../daemon/identity/vouched-statement.ts'

function keyOf(name: string): KeyObject {
  return privateKeyOfSeed(createHash('sha256').update(name).digest())
}

function didOf(name: string): string {
  return encodeDid(publicKeyBytes(keyOf(name)))
}

export interface DocumentParts {
  readonly device?: string
  readonly sequence?: number
  /** Bytes of the rendezvous: makes a document larger. */
  readonly size?: number
  /** Who signs in place of the device. */
  readonly signer?: string
  /** The device that let it in, in place of the root key. */
  readonly enrolledBy?: string
}

/** Somebody with devices; the same name is the same person. */
export class Person {
  readonly name: string
  readonly did: string

  constructor(name: string) {
    this.name = name
    this.did = didOf(name)
  }

  deviceDid(device = 'laptop'): string {
    return didOf(`${this.name}/${device}`)
  }

  document({
    device = 'laptop',
    sequence = 1,
    size = 8,
    signer,
    enrolledBy,
  }: DocumentParts = {}): Uint8Array {
    const chain = [this.#certificate(enrolledBy ?? device)]
    if (enrolledBy !== undefined) chain.push(this.#certificate(device, enrolledBy))
    return issueMemberDocument(keyOf(signer ?? `${this.name}/${device}`), {
      did: this.did,
      deviceDid: this.deviceDid(device),
      chain,
      sequence,
      receiveKey: new Uint8Array(1_216).fill(7),
      rendezvous: new Uint8Array(size),
    })
  }

  #certificate(device: string, issuer?: string): Uint8Array {
    return issueDeviceCertificate(keyOf(issuer === undefined ? this.name : `${this.name}/${issuer}`), {
      did: this.did,
      deviceDid: this.deviceDid(device),
      issuer: issuer === undefined ? this.did : this.deviceDid(issuer),
      capabilities: PAIRED_CAPABILITIES,
      sequence: 1,
      issuedAt: 1_000,
    })
  }

  record(sequence: number, displayName: string | null = this.name, parts: DocumentParts = {}): Uint8Array {
    const { device = 'laptop', signer } = parts
    return issueUserRecord(keyOf(signer ?? `${this.name}/${device}`), this.document({ device }), {
      did: this.did,
      displayName,
      sequence,
    })
  }

  /** An entry of this person's DID log that lets a device in. */
  entry(number: number, previous: Uint8Array = new Uint8Array(32), signer = this.name): Uint8Array {
    const change = {
      kind: 'admit',
      device: publicKeyBytes(keyOf(`${this.name}/laptop`)),
      role: 'writer',
      capabilities: [],
    } as const
    const entry = { did: this.did, number, previous, at: 1_000, change }
    return signMembershipEntry(entry, (message) => sign(keyOf(signer), message))
  }

  /** An entry that takes a device out. */
  revocation(number: number, device: string, previous: Uint8Array = new Uint8Array(32)): Uint8Array {
    const change = {
      kind: 'revoke',
      device: publicKeyBytes(keyOf(`${this.name}/${device}`)),
      cutOffs: [],
    } as const
    const entry = { did: this.did, number, previous, at: 1_000, change }
    return signMembershipEntry(entry, (message) => sign(keyOf(this.name), message))
  }

  /** The root key says that the account has ended. */
  tombstone(did = this.did): Uint8Array {
    const statement = encodeCanonical(['vivimd/account-tombstone/1', did, 1_000])
    return encodeCanonical([statement, sign(keyOf(this.name), statement)])
  }

  /** This person's root key and another one's say that they go on with that one. */
  successor(other: Person, at = 1_000): Uint8Array {
    return issueSuccession(keyOf(this.name), keyOf(other.name), at)
  }

  /** Something sealed for this person's devices, which one of them vouches for. */
  sealed(payload: Uint8Array, { device = 'laptop', signer }: DocumentParts = {}): Uint8Array {
    return issueSealedRecord(keyOf(signer ?? `${this.name}/${device}`), this.document({ device }), {
      did: this.did,
      payload,
    })
  }

  /** This person's half of a connection to somebody; what it says is up to these two. */
  connection(
    to: { readonly did: string },
    sequence: number,
    { device = 'laptop', signer, size = 100, from = this.did }: DocumentParts & { from?: string } = {},
  ): Uint8Array {
    return issueConnectionRecord(keyOf(signer ?? `${this.name}/${device}`), this.document({ device }), {
      from,
      to: to.did,
      sequence,
      sealed: new Uint8Array(size).fill(sequence),
      wraps: [new Uint8Array(50)],
    })
  }

  /** A device asks a master for what was written to this person, and by them. */
  question(
    instance: string,
    {
      at = Date.now(),
      since = 0,
      device = 'laptop',
      signer,
    }: DocumentParts & { at?: number; since?: number } = {},
  ): Uint8Array {
    const key = keyOf(signer ?? `${this.name}/${device}`)
    const fields = [this.did, instance, at, since] as const
    return issueVouchedStatement(key, this.document({ device }), 'vivimd/peer-connection-question/1', fields)
  }
}
