import { chatgpt } from './chatgpt.ts'
import { attributeOf } from './html-tokens.ts'
import { savedPage } from './saved-page.ts'

/** ChatGPT: a share page, or a conversation's page, as a browser saves it. */
export const chatgptPage = savedPage({
  name: 'chatgpt',
  title: 'ChatGPT',
  hosts: ['chatgpt.com', 'chat.openai.com'],
  isKnown: (beginning) => beginning.includes('data-message-author-role="'),
  isConversation: (value) => chatgpt.detect(value),
  parse: (value, address) =>
    chatgpt.parse(
      address === undefined ? value : { raw_provider_payload: value, provenance: { source_url: address } },
    ),
  marks: [
    { role: 'user', matches: (attributes) => attributeOf(attributes, 'data-message-author-role') === 'user' },
    {
      role: 'assistant',
      matches: (attributes) => attributeOf(attributes, 'data-message-author-role') === 'assistant',
    },
  ],
  idOf: (attributes) => attributeOf(attributes, 'data-message-id'),
})
