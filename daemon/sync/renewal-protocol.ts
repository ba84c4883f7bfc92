import type { KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { sign, verify } from '../identity/ed25519.ts'
import { type MemberDocument, readMemberDocument } from '../identity/member-document.ts'
import type { FrameStream, Network } from '../network/network.ts'

export const RENEW_PROTOCOL = '/vivim/renew/1'
export const RENEW_STREAM = { maxFrameBytes: LIMITS.renewalFrameBytes, maxInbound: 1 }
const DOMAIN = 'vivimd/renew/1'
const NONCE_BYTES = 32
/** Asked in vain, by whomever: nobody learns why. */
const REFUSED = new Uint8Array(0)

/**
 * Asks the node of another device for a new certificate: shows this device's document and that it holds the key of it.
 * `take` judges what comes and answers the document under the new certificates, which the other one keeps.
 * @throws VivimError `Unavailable`
 */
export async function askForRenewal(
  network: Network,
  to: { readonly peerId: string; readonly addresses: readonly string[] },
  own: { readonly document: Uint8Array; readonly deviceKey: KeyObject },
  take: (wrapped: Uint8Array) => Promise<Uint8Array | undefined>,
): Promise<boolean> {
  const stream = await network.open(to, RENEW_PROTOCOL, RENEW_STREAM)
  try {
    const signal = AbortSignal.timeout(LIMITS.syncHelloMs)
    const nonce = await stream.receive(signal)
    if (nonce?.length !== NONCE_BYTES) throw new VivimError('Unavailable')
    const message = messageOf(network.peerId, stream.peerId, nonce, own.document)
    await stream.send(encodeCanonical([own.document, sign(own.deviceKey, message)]), signal)
    const wrapped = await stream.receive(signal)
    const document = wrapped && wrapped.length > 0 ? await take(wrapped) : undefined
    if (document) await stream.send(document, signal)
    return document !== undefined
  } finally {
    await stream.close()
  }
}

/**
 * The other side. `grant` answers what is wrapped for that device, or undefined; `keep` gets its new document.
 * @throws for whoever does not keep to it
 */
export async function answerRenewal(
  stream: FrameStream,
  ownPeerId: string,
  random: (bytes: number) => Uint8Array,
  grant: (member: MemberDocument) => Uint8Array | undefined,
  keep: (member: MemberDocument, document: Uint8Array) => Promise<void>,
): Promise<boolean> {
  const signal = AbortSignal.timeout(LIMITS.syncHelloMs)
  const nonce = random(NONCE_BYTES)
  await stream.send(nonce, signal)
  const asked = tryDecodeArray((await stream.receive(signal)) ?? REFUSED)
  const [document, signature] = asked ?? []
  if (asked?.length !== 2 || !(document instanceof Uint8Array && signature instanceof Uint8Array))
    throw new VivimError('InvalidParams')
  const member = readMemberDocument(document)
  const isIts =
    member && verify(member.device, messageOf(stream.peerId, ownPeerId, nonce, document), signature)
  const wrapped = isIts ? grant(member) : undefined
  await stream.send(wrapped ?? REFUSED, signal)
  if (!wrapped || !member) return false
  const renewed = await stream.receive(signal)
  if (renewed) await keep(member, renewed)
  return true
}

function messageOf(asker: string, answerer: string, nonce: Uint8Array, document: Uint8Array): Uint8Array {
  return encodeCanonical([DOMAIN, asker, answerer, nonce, document])
}
