import { methodCommand } from '../method-command.ts'
import {
  entryView,
  notebookChangedView,
  notebooksView,
  notebookView,
  removedView,
} from '../views/notebooks.ts'
import { safe } from '../views/text.ts'

export const notebookCommands = {
  list: methodCommand('notebooks.list', { view: notebooksView }),
  show: methodCommand('notebooks.get', { view: notebookView }),
  create: methodCommand('notebooks.create', { view: notebookChangedView, rest: true }),
  update: methodCommand('notebooks.update', { view: notebookChangedView }),
  delete: methodCommand('notebooks.delete', { view: removedView }),
  export: methodCommand('notebooks.export', { view: ({ markdown }) => safe(markdown) }),
  add: methodCommand('notebooks.entries.add', { view: entryView, rest: true }),
  edit: methodCommand('notebooks.entries.edit', { view: entryView, rest: true }),
  move: methodCommand('notebooks.entries.move', { view: entryView }),
  remove: methodCommand('notebooks.entries.remove', { view: removedView }),
}
