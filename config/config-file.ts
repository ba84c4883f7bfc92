import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { VivimError } from '../schema/errors.ts'

/** Settings by dotted key. */
export type FileSettings = Map<string, unknown>

/**
 * The settings in the file; empty when there is none. The file is nested JSON: `{"log": {"level": "debug"}}`.
 * @throws VivimError `Corrupt` when it is no JSON object
 */
export function readConfigFile(path: string): FileSettings {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map()
    throw new VivimError('Unavailable', 'The configuration file cannot be read.', { cause: error })
  }
  const value = parsed(text)
  if (!isGroup(value)) throw new VivimError('Corrupt', 'config.json is not a JSON object.')
  return new Map(flattened(value, ''))
}

/** Replaces the file, 0600, or leaves it as it was, also when the power fails. */
export function writeConfigFile(path: string, settings: FileSettings): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = openSync(temporary, 'w', 0o600)
    try {
      writeSync(file, `${JSON.stringify(nested(settings), null, 2)}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(temporary, path)
    syncFolder(dirname(path))
  } catch (cause) {
    rmSync(temporary, { force: true })
    const full = ['ENOSPC', 'EDQUOT'].includes((cause as NodeJS.ErrnoException).code ?? '')
    if (full) throw new VivimError('StorageFull', undefined, { cause })
    throw new VivimError('Unavailable', 'The configuration file cannot be written.', { cause })
  }
}

/** Makes the new name durable. */
function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function flattened(group: Record<string, unknown>, prefix: string): [string, unknown][] {
  return Object.entries(group).flatMap(([name, value]): [string, unknown][] => {
    const key = prefix + name
    return isGroup(value) && Object.keys(value).length > 0 ? flattened(value, `${key}.`) : [[key, value]]
  })
}

function nested(settings: FileSettings): Record<string, unknown> {
  const root: Record<string, unknown> = {}
  for (const [key, value] of settings) {
    const names = key.split('.')
    const last = names.pop()!
    let group = root
    for (const name of names) {
      group[name] ??= {}
      group = group[name] as Record<string, unknown>
    }
    group[last] = value
  }
  return root
}
