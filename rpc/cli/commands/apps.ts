import { methodCommand } from '../method-command.ts'
import { accessLogView, appAddedView, appChangedView, appRevokedView, appsView } from '../views/apps.ts'

export const appCommands = {
  add: methodCommand('auth.grants.create', { view: appAddedView }),
  list: methodCommand('auth.grants.list', { view: appsView }),
  pause: methodCommand('auth.grants.pause', { view: appChangedView }),
  revoke: methodCommand('auth.grants.revoke', { view: appRevokedView }),
  log: methodCommand('auth.accessLog', { view: accessLogView }),
}
