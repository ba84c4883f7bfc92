import { methodCommand } from '../method-command.ts'
import { conversationView } from '../views/conversation.ts'
import { changedView, conversationsView, deletedView, statsView, trashView } from '../views/conversations.ts'

export const conversationCommands = {
  list: methodCommand('conversations.list', { view: conversationsView }),
  show: methodCommand('conversations.get', {
    view: conversationView,
    viewOptions: {
      full: { type: 'flag', help: 'show all of thoughts and tool results, and hidden messages' },
    },
  }),
  rename: methodCommand('conversations.rename', { view: changedView, rest: true }),
  tag: methodCommand('conversations.tag', { view: changedView }),
  archive: methodCommand('conversations.archive', { view: changedView }),
  unarchive: methodCommand('conversations.unarchive', { view: changedView }),
  delete: methodCommand('conversations.delete', { view: deletedView }),
  restore: methodCommand('conversations.restore', { view: changedView }),
  trash: methodCommand('conversations.trash', { view: trashView }),
  stats: methodCommand('conversations.stats', { view: statsView }),
}
