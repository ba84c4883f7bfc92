import { lookup } from 'node:dns/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { isPublicAddress } from './public-address.ts'

/** How the guard reaches the network. */
export interface Web {
  /** All addresses of a host. */
  resolve(host: string): Promise<readonly string[]>
  /** Asks this address, and no other, for what the host has there; resolves with the head of the answer. */
  ask(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage>
}

export interface FetchLimits {
  readonly bytes: number
  readonly ms: number
}

/**
 * The bytes behind an address whose host was found on the list: from a public address alone, which is then the one
 * that is asked, without following anything elsewhere, within a size and a time.
 * @throws VivimError Forbidden (the host is not public, or sends elsewhere), NotFound, TooLarge, Unavailable.
 */
export async function guardedFetch(
  address: string,
  web: Web = theWeb,
  { bytes: maxBytes, ms }: FetchLimits = { bytes: LIMITS.shareLinkBytes, ms: LIMITS.shareLinkMs },
  cancelled?: AbortSignal,
): Promise<Buffer> {
  const url = new URL(address)
  const timeout = AbortSignal.timeout(ms)
  const signal = cancelled ? AbortSignal.any([timeout, cancelled]) : timeout
  try {
    const addresses = await untilAborted(web.resolve(url.hostname), signal)
    // One private address among public ones is how a host is made to point inwards.
    if (addresses.length === 0 || !addresses.every(isPublicAddress))
      throw new VivimError('Forbidden', 'The host has an address that is not public; nothing was fetched.', {
        field: 'url',
      })
    const answer = await web.ask(url, addresses[0]!, signal)
    try {
      checkHead(answer, maxBytes)
      return await body(answer, maxBytes, signal)
    } finally {
      answer.destroy()
    }
  } catch (error) {
    if (error instanceof VivimError) throw error
    cancelled?.throwIfAborted()
    const late = timeout.aborted
    throw new VivimError('Unavailable', late ? 'The host took too long.' : 'The host could not be reached.', {
      cause: error,
    })
  }
}

function checkHead({ statusCode = 0, headers }: IncomingMessage, maxBytes: number): void {
  if (statusCode >= 300 && statusCode < 400)
    throw new VivimError('Forbidden', 'The host sends elsewhere; that is not followed.', {
      field: 'url',
      hint: 'Open the link, save the page, and import the file.',
    })
  if (statusCode === 404 || statusCode === 410)
    throw new VivimError('NotFound', 'There is no such share link, or it was taken back.', { field: 'url' })
  if (statusCode !== 200)
    throw new VivimError('Unavailable', 'The host refused to answer.', {
      hint: 'Open the link, save the page, and import the file.',
    })
  const encoding = headers['content-encoding'] ?? 'identity'
  // Packed answers could unpack to any size; none was asked for.
  if (encoding !== 'identity')
    throw new VivimError('Unavailable', 'The host answered in a form that was not asked for.')
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
}

async function body(answer: IncomingMessage, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  const abort = () => answer.destroy(new Error('aborted'))
  signal.addEventListener('abort', abort)
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLarge()
      chunks.push(chunk)
    }
  } finally {
    signal.removeEventListener('abort', abort)
  }
  signal.throwIfAborted()
  if (!answer.complete) throw new VivimError('Unavailable', 'The host broke off.')
  return Buffer.concat(chunks)
}

function tooLarge(): VivimError {
  return new VivimError('TooLarge', 'What the link shows is larger than the limit.', { field: 'url' })
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    work.then(resolve, reject)
  })
}

const theWeb: Web = {
  resolve: async (host) => (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address),

  ask: (url, address, signal) =>
    new Promise((resolve, reject) => {
      const request = get(
        url,
        {
          signal,
          agent: false,
          headers: {
            accept: 'text/html, application/json',
            'accept-encoding': 'identity',
            'user-agent': 'Mozilla/5.0 (compatible; vivimd)',
          },
          // The address that was checked is the one that is asked: a second look-up could answer another.
          lookup: (_host, options, done) => {
            const family = address.includes(':') ? 6 : 4
            if (options.all) done(null, [{ address, family }])
            else done(null, address, family)
          },
        },
        resolve,
      )
      request.on('error', reject)
    }),
}
