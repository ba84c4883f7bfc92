import { perplexity } from './perplexity.ts'
import { classMark, savedPage } from './saved-page.ts'

/** Perplexity: a thread's page as a browser saves it. */
export const perplexityPage = savedPage({
  name: 'perplexity',
  title: 'Perplexity',
  hosts: ['perplexity.ai'],
  isConversation: (value) => perplexity.detect(value),
  parse: (value) => perplexity.parse(value),
  marks: [classMark('user', 'group/query'), classMark('assistant', 'prose')],
})
