import type { VerifyRoot } from '../../crdt/membership-entry.ts'
import type { ReadMember } from '../vault/members.ts'
import { certifiedUntil } from './certificate-life.ts'
import { issuersIn } from './device-certificate.ts'
import { decodeDid } from './did.ts'
import { verify } from './ed25519.ts'
import { readMemberDocument } from './member-document.ts'

/** Reads the documents of one person's devices, and of nobody else's. */
export function memberReader(did: string): ReadMember {
  return (bytes) => {
    const document = readMemberDocument(bytes)
    if (!document || document.did !== did || !document.certificate.capabilities.includes('sign'))
      return undefined
    const { device, deviceDid, certificate, sequence } = document
    const { capabilities } = certificate
    const issuers = issuersIn(document.chain)
    return {
      device,
      deviceDid,
      capabilities,
      certifiedUntil: certifiedUntil(document.chain),
      issuers,
      sequence,
    }
  }
}

/** Whether the root key of this person signed a message, or the device that is named. */
export function rootVerifier(did: string): VerifyRoot {
  const root = decodeDid(did)
  return (message, signature, device) => verify(device ?? root, message, signature)
}
