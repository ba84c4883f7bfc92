import { skippedElement } from './provider.ts'
import { classMark, savedPage } from './saved-page.ts'

/** Gemini: a share page, or a chat's page, as a browser saves it. Its data is rows without names: what it shows is read. */
export const geminiPage = savedPage({
  name: 'gemini',
  title: 'Gemini',
  hosts: ['gemini.google.com', 'g.co'],
  isConversation: () => false,
  parse: () => skippedElement('a page without a conversation in it'),
  marks: [classMark('user', 'query-text'), classMark('assistant', 'markdown-main-panel')],
})
