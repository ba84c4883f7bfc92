import { VivimError } from '../../../schema/errors.ts'

export interface ShareLink {
  readonly provider: string
  /** The link as it is kept: without parameters, on the host's present name. */
  readonly url: string
  /** What is fetched: the page, or the answer the page itself would ask for. */
  readonly request: string
}

interface ShareHost {
  readonly provider: string
  readonly path: RegExp
  readonly page: (id: string) => string
  readonly request?: (id: string) => string
}

const chatgpt: ShareHost = {
  provider: 'chatgpt',
  path: /^\/share\/((?:e\/)?[\w-]{8,100})$/,
  page: (id) => `https://chatgpt.com/share/${id}`,
}
const kimi: ShareHost = {
  provider: 'kimi',
  path: /^\/share\/([\w-]{6,100})$/,
  page: (id) => `https://www.kimi.com/share/${id}`,
}

/** Every host a share link may be on, by its exact name; others are refused before anything is looked up. */
const HOSTS: ReadonlyMap<string, ShareHost> = new Map([
  ['chatgpt.com', chatgpt],
  ['chat.openai.com', chatgpt],
  [
    'claude.ai',
    {
      provider: 'claude',
      path: /^\/share\/([0-9a-f-]{36})$/,
      page: (id) => `https://claude.ai/share/${id}`,
      request: (id) =>
        `https://claude.ai/api/chat_snapshots/${id}?rendering_mode=messages&render_all_tools=true`,
    },
  ],
  [
    'grok.com',
    {
      provider: 'grok',
      path: /^\/share\/([\w-]{8,100})$/,
      page: (id) => `https://grok.com/share/${id}`,
      request: (id) => `https://grok.com/rest/app-chat/share_links/${id}`,
    },
  ],
  [
    'chat.deepseek.com',
    {
      provider: 'deepseek',
      path: /^\/share\/([\w-]{6,100})$/,
      page: (id) => `https://chat.deepseek.com/share/${id}`,
      request: (id) => `https://chat.deepseek.com/api/v0/share/content?share_id=${id}`,
    },
  ],
  ['www.kimi.com', kimi],
  ['kimi.com', kimi],
  [
    'chat.qwen.ai',
    { provider: 'qwen', path: /^\/s\/([\w-]{6,100})$/, page: (id) => `https://chat.qwen.ai/s/${id}` },
  ],
  [
    'chat.z.ai',
    { provider: 'zai', path: /^\/s\/([\w-]{6,100})$/, page: (id) => `https://chat.z.ai/s/${id}` },
  ],
])

/**
 * What a share link stands for. Only `https`, only the exact names of the providers' own hosts, no port, no
 * credentials, no other path.
 * @throws VivimError Forbidden for another host, InvalidParams for a link that is none.
 */
export function shareLink(address: string): ShareLink {
  if (!URL.canParse(address)) throw notALink()
  const url = new URL(address)
  const host = HOSTS.get(url.hostname)
  if (!host || url.protocol !== 'https:' || url.port !== '' || url.username !== '' || url.password !== '')
    throw new VivimError('Forbidden', 'Only share links on the providers’ own hosts are fetched.', {
      field: 'url',
      hint: 'Save the page and import the file.',
    })
  const id = host.path.exec(url.pathname.replace(/\/$/, ''))?.[1]
  if (id === undefined) throw notALink()
  const page = host.page(id)
  return { provider: host.provider, url: page, request: host.request?.(id) ?? page }
}

function notALink(): VivimError {
  return new VivimError('InvalidParams', 'That is no share link of a known provider.', { field: 'url' })
}
