import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { more, table } from './table.ts'
import { date, oneLine } from './text.ts'

type App = Result<'auth.grants.list'>['items'][number]

export function appAddedView({
  token,
  name,
  scopes,
  maxSecurityLevel,
}: Result<'auth.grants.create'>): string {
  return `${oneLine(name)} may ${scopes.join(', ')} up to level ${maxSecurityLevel}. Its token, shown once:\n${token}\n`
}

export function appsView({ items, nextCursor }: Result<'auth.grants.list'>, style: Style): string {
  if (items.length === 0) return 'No app may read anything. `vivimd app add NAME` lets one in.\n'
  const rows = items.map((app) => [
    app.grantId,
    oneLine(app.name),
    app.scopes.join(', '),
    String(app.maxSecurityLevel),
    stateOf(app),
    app.lastUsedAt === null ? 'never' : date(app.lastUsedAt),
  ])
  return table(['id', 'app', 'may', 'level', 'state', 'last used'], rows, style) + more(nextCursor)
}

export function appChangedView(app: Result<'auth.grants.pause'>): string {
  return `${oneLine(app.name)}: ${stateOf(app)}\n`
}

export function appRevokedView({ grantId }: Result<'auth.grants.revoke'>): string {
  return `Revoked ${grantId}: its token is worth nothing from now on.\n`
}

export function accessLogView({ items, nextCursor }: Result<'auth.accessLog'>, style: Style): string {
  if (items.length === 0) return 'Nothing yet.\n'
  const rows = items.map(({ at, app, method, outcome }) => [
    date(at),
    app === null ? 'you' : oneLine(app),
    method,
    outcome,
  ])
  return table(['when', 'who', 'what', 'outcome'], rows, style) + more(nextCursor)
}

function stateOf({ paused, expiresAt }: App): string {
  if (paused) return 'paused'
  return expiresAt === null ? 'active' : `until ${date(expiresAt)}`
}
