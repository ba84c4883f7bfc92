/** Parameters that say where a reader came from, not what is read. */
const TRACKING = /^(?:utm_.*|fbclid|gclid|dclid|msclkid|igshid|mc_[ce]id|ref|ref_src|si)$/i
/** Names under which one place was known before. */
const RENAMED_HOSTS: ReadonlyMap<string, string> = new Map([['chat.openai.com', 'chatgpt.com']])
/** Where an address holds the provider's own conversation id; share links have ids of their own. */
const CONVERSATION_PATHS: readonly [provider: string, host: string, path: RegExp][] = [
  ['chatgpt', 'chatgpt.com', /^\/(?:g\/[^/]+\/)?c\/([\w-]{8,100})$/],
  ['claude', 'claude.ai', /^\/chat\/([\w-]{8,100})$/],
]

/**
 * Canonical URL, rule 1: `https`; host in lower case without `www.` and under its present name; no credentials,
 * default port, fragment or tracking parameters; other parameters sorted; no slash at the end of the path.
 * Text that is no URL stays as it is. A later rule gets a new number, and ids made by this one stay.
 */
export function canonicalUrl(source: string): string {
  if (!URL.canParse(source)) return source
  const url = new URL(source)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return source
  const host = url.host.replace(/^www\./, '').replace(url.protocol === 'http:' ? /:80$/ : /:443$/, '')
  const parameters = new URLSearchParams([...url.searchParams].filter(([name]) => !TRACKING.test(name)))
  parameters.sort()
  const query = parameters.size === 0 ? '' : `?${parameters}`
  return `https://${RENAMED_HOSTS.get(host) ?? host}${url.pathname.replace(/\/+$/, '')}${query}`
}

/** The provider's own id of the conversation a canonical URL points at, where its path is known to hold it. */
export function conversationIdIn(provider: string, url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { host, pathname } = new URL(url)
  for (const [name, itsHost, path] of CONVERSATION_PATHS)
    if (name === provider && itsHost === host) return path.exec(pathname)?.[1]
  return undefined
}
