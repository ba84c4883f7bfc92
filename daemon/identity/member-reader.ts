import type { ReadMember } from '../vault/members.ts'
import { readMemberDocument } from './member-document.ts'

/** Reads the documents of one person's devices, and of nobody else's. */
export function memberReader(did: string): ReadMember {
  return (bytes) => {
    const document = readMemberDocument(bytes)
    if (!document || document.did !== did || !document.certificate.capabilities.includes('sign'))
      return undefined
    const { device, deviceDid, certificate, sequence } = document
    return { device, deviceDid, capabilities: certificate.capabilities, sequence }
  }
}
