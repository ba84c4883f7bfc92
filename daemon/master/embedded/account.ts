import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { userInfo } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { noPostgres, type PostgresBinaries } from './binaries.ts'

/** PostgreSQL refuses to run as root; this is who it runs as there. */
const NOBODY = 65_534
/** Root shows itself under another number, and stays itself to the file system. */
const AS_NOBODY = ['unshare', '-U', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`] as const
const PROBE_MS = 10_000

/** As whom PostgreSQL runs, and where it may keep its files. */
export interface Account {
  readonly binaries: PostgresBinaries
  /** Where its data and its socket are; exists, 0700, and belongs to whom it runs as. */
  readonly folder: string
  /** What comes before the program on the command line. */
  readonly prefix: readonly string[]
  readonly uid?: number
  readonly gid?: number
}

export interface AccountOptions {
  readonly folder: string
  readonly binaries: PostgresBinaries
  /** Where root keeps what `nobody` has to reach. Default: /var/lib. */
  readonly systemFolder?: string
  /** Whether root may use a namespace of its own, if the system lets it. Default: true. */
  readonly namespaces?: boolean
}

/**
 * An ordinary user runs it as they are; one whom the system has no name for, in a user namespace. Root runs it in a user namespace; where that is not allowed, as `nobody`, from
 * a copy of the program and with data outside the home, because `nobody` cannot pass through a private folder.
 * @throws VivimError `Unavailable` where neither works
 */
export async function accountFor(options: AccountOptions): Promise<Account> {
  const { folder, binaries, namespaces = true } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  await probe({ binaries, prefix: [] })
  const inNamespace = { binaries, prefix: AS_NOBODY }
  if (process.getuid?.() !== 0) {
    const nameless = namespaces && !hasName() && (await works(inNamespace))
    return nameless ? { ...inNamespace, folder } : { binaries, folder, prefix: [] }
  }
  const place = placeForNobody(options)
  // Data that is there already decides: another way would begin with an empty registry.
  if (!existsSync(join(clusterIn(place), 'postgres'))) {
    if (namespaces && (await works(inNamespace))) return { ...inNamespace, folder }
    if (existsSync(join(folder, 'postgres')))
      throw noPostgres('its data belongs to root, and this system no longer lets root use a user namespace.')
  }
  return runAsNobody(place, binaries)
}

/** PostgreSQL makes no database for a number without a name, as accounts in containers may be. */
function hasName(): boolean {
  try {
    userInfo()
    return true
  } catch {
    return false
  }
}

/** Outside the home, and found again from it. */
function placeForNobody({ folder, systemFolder = '/var/lib' }: AccountOptions): string {
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 8)
  return join(systemFolder, `vivimd-${name}`)
}

function clusterIn(place: string): string {
  return join(place, 'cluster')
}

async function runAsNobody(place: string, original: PostgresBinaries): Promise<Account> {
  mkdirSync(place, { recursive: true, mode: 0o711 })
  const folder = clusterIn(place)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  chownSync(folder, NOBODY, NOBODY)
  const account = { folder, prefix: [], uid: NOBODY, gid: NOBODY }
  if (await works({ ...account, binaries: original })) return { ...account, binaries: original }
  const binaries = copyProgram(original, place)
  await probe({ ...account, binaries })
  return { ...account, binaries }
}

/** Again at each start: the package may be another one by now, and it takes a tenth of a second. */
function copyProgram({ postgres, initdb }: PostgresBinaries, place: string): PostgresBinaries {
  const source = dirname(dirname(postgres))
  const copy = join(place, 'native')
  const unfinished = `${copy}.new`
  for (const path of [unfinished, copy]) rmSync(path, { recursive: true, force: true })
  cpSync(source, unfinished, { recursive: true, verbatimSymlinks: true })
  chmodSync(unfinished, 0o755)
  renameSync(unfinished, copy)
  return { postgres: join(copy, 'bin', basename(postgres)), initdb: join(copy, 'bin', basename(initdb)) }
}

async function works(account: Omit<Account, 'folder'>): Promise<boolean> {
  try {
    await probe(account)
    return true
  } catch {
    return false
  }
}

async function probe({ binaries, prefix, uid, gid }: Omit<Account, 'folder'>): Promise<void> {
  const [program = binaries.postgres, ...parameters] = [...prefix, binaries.postgres, '--version']
  try {
    await promisify(execFile)(program, parameters, {
      cwd: '/',
      timeout: PROBE_MS,
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
  } catch (cause) {
    throw noPostgres('the program does not start.', cause)
  }
}
