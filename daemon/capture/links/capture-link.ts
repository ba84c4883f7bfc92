import type { CaptureConversation } from '../../../schema/capture.ts'
import { VivimError } from '../../../schema/errors.ts'
import type { Vault } from '../../vault/vault.ts'
import { type CaptureResult, captureConversation, recordAttempt } from '../pipeline.ts'
import { PROVIDERS } from '../providers/index.ts'
import { isObject } from '../providers/json-value.ts'
import type { ParsedElement } from '../providers/provider.ts'
import { guardedFetch, type Web } from './guarded-fetch.ts'
import { type ShareLink, shareLink } from './share-links.ts'

export interface CaptureLinkOptions {
  readonly url: string
  readonly again: boolean
  readonly signal: AbortSignal
  readonly web?: Web | undefined
}

/**
 * Fetches a share link and stores what it shows. Each try is an attempt in the user's own record.
 * @throws VivimError as `shareLink` and `guardedFetch` do; Corrupt when the answer holds no conversation; Conflict.
 */
export async function captureLink(
  vault: Vault,
  { url, again, signal, web }: CaptureLinkOptions,
): Promise<CaptureResult & { readonly provider: string }> {
  const link = shareLink(url)
  try {
    const raw = await guardedFetch(link.request, web, undefined, signal)
    const conversation = conversationIn(link, raw)
    const result = vault.transact((tx) =>
      captureConversation(tx, vault, conversation, {
        again,
        capturedAt: vault.now(),
        raw,
        sourceUrl: link.url,
      }),
    )
    return { ...result, provider: link.provider }
  } catch (error) {
    const errorCode = error instanceof VivimError ? error.code : 'Internal'
    if (errorCode !== 'StorageFull' && errorCode !== 'UserUnavailable')
      vault.transact((tx) =>
        recordAttempt(tx, {
          capturedAt: vault.now(),
          provider: link.provider,
          status: 'failed',
          errorCode,
          sourceUrl: link.url,
        }),
      )
    throw error
  }
}

/** The host is known, so only the readers of its provider are asked. */
function conversationIn(link: ShareLink, raw: Buffer): CaptureConversation {
  const text = raw.toString('utf8').replace(/^\ufeff/, '')
  const [conversation] = parsed(link, text)?.conversations ?? []
  if (!conversation)
    throw new VivimError('Corrupt', 'What the host answered holds no conversation.', {
      hint: 'Open the link, save the page, and import the file.',
    })
  // The provider's own id stays what names it; else the link does.
  return { ...conversation, sourceUrl: link.url }
}

function parsed({ provider, url }: ShareLink, text: string): ParsedElement | undefined {
  const readers = PROVIDERS.filter(({ name }) => name === provider)
  const value = json(text)
  for (const reader of readers) {
    if (reader.kind === 'list') continue
    if (reader.kind === 'text') {
      if (value === undefined)
        return reader.parse(`<!-- saved from url=(${url.length})${url} -->\n${text}`, url)[0]?.parsed
    } else if (isObject(value)) {
      const inner = isObject(value.data) ? value.data : value
      const element = [value, inner].find((each) => reader.detect(each))
      if (element) return reader.parse(element)
    }
  }
  return undefined
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
