import { historyConversation, historyOf } from './open-webui.ts'
import { classMark, savedPage } from './saved-page.ts'

/** Z.ai: a share page as a browser saves it; its data has the form of Open WebUI. */
export const zaiPage = savedPage({
  name: 'zai',
  title: 'Z.ai',
  hosts: ['chat.z.ai', 'z.ai'],
  isConversation: (value) => historyOf(value) !== undefined,
  parse: (value, address) => historyConversation('zai', value, address),
  marks: [
    classMark('user', 'chat-user'),
    classMark('assistant', 'thinking-chain-container', true),
    classMark('assistant', 'chat-assistant'),
    classMark('user', 'user-message'),
    classMark('assistant', 'markdown-prose'),
  ],
})
