import { methodCommand } from '../method-command.ts'
import { entryView, notebookChangedView, notebooksView, notebookView } from '../views/notebooks.ts'

export const notebookCommands = {
  list: methodCommand('notebooks.list', { view: notebooksView }),
  show: methodCommand('notebooks.get', { view: notebookView }),
  create: methodCommand('notebooks.create', { view: notebookChangedView, rest: true }),
  update: methodCommand('notebooks.update', { view: notebookChangedView }),
  delete: methodCommand('notebooks.delete', { view: () => 'Deleted, with its entries.\n' }),
  add: methodCommand('notebooks.entries.add', { view: entryView, rest: true }),
  edit: methodCommand('notebooks.entries.edit', { view: entryView, rest: true }),
  remove: methodCommand('notebooks.entries.remove', { view: () => 'Removed.\n' }),
}
