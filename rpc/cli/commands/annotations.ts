import { methodCommand } from '../method-command.ts'
import { annotationsView, annotationView } from '../views/annotations.ts'
import { removedView } from '../views/notebooks.ts'

export const annotationCommands = {
  list: methodCommand('annotations.list', { view: annotationsView }),
  add: methodCommand('annotations.create', { view: annotationView, rest: true }),
  edit: methodCommand('annotations.edit', { view: annotationView, rest: true }),
  delete: methodCommand('annotations.delete', { view: removedView }),
}
