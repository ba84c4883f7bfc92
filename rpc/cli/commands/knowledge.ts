import { methodCommand } from '../method-command.ts'
import { contextView } from '../views/context.ts'
import { explanationView, topicsView, topicView, unitsView, unitView } from '../views/knowledge.ts'
import { searchView } from '../views/search.ts'

export const knowledgeCommands = {
  search: methodCommand('search.query', { view: searchView, rest: true }),
  context: methodCommand('context.compile', {
    view: contextView,
    viewOptions: { why: { type: 'flag', help: 'show what it is made of, and for which reasons' } },
    rest: true,
  }),
  units: methodCommand('acus.list', { view: unitsView }),
  unit: methodCommand('acus.get', { view: unitView }),
  explanation: methodCommand('acus.explain', { view: explanationView }),
  topics: methodCommand('topics.list', { view: topicsView }),
  topic: methodCommand('topics.get', { view: topicView }),
}
