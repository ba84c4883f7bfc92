import { isAbsolute, resolve } from 'node:path'
import type { z } from 'zod'
import { VivimError } from '../schema/errors.ts'
import type { ConfigItem as ConfigItemSchema } from '../schema/methods/config.ts'
import { type FileSettings, readConfigFile, writeConfigFile } from './config-file.ts'
import { nearestName } from './nearest-name.ts'
import { isSettingKey, SETTING_KEYS, type SettingKey, type Settings, settingOf } from './settings.ts'

export type ConfigItem = z.output<typeof ConfigItemSchema>
export type Origin = ConfigItem['origin']

export interface LoadConfigOptions {
  /** `<home>/config.json`. */
  readonly file: string
  /** By flag name, without dashes. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  readonly env?: Readonly<Record<string, string | undefined>>
  /** What relative paths of flags and the environment are relative to; those of the file: its folder. */
  readonly cwd: string
}

interface Found {
  readonly value: unknown
  readonly origin: Origin
}

/** What is shown of a setting that holds a password. */
const SECRET = '(set, not shown)'

/** Environment variables of the earlier server that mean nothing here. */
const IGNORED: Readonly<Record<string, string>> = {
  USER_DATABASE_URL: "USER_DATABASE_URL is ignored: where a user's database is follows from their DID.",
}

/**
 * Reads the settings: flag > environment > file > default.
 * @throws VivimError `InvalidParams` for an unknown key or a bad value, `Corrupt` for a file that is no JSON object
 */
export function loadConfig({ file, flags = {}, env = {}, cwd }: LoadConfigOptions): Config {
  const stored = readConfigFile(file)
  for (const key of stored.keys()) if (!isSettingKey(key)) throw unknownKey(key, 'InvalidParams')
  const found = new Map<SettingKey, Found>()
  for (const key of SETTING_KEYS) {
    const { env: variable, flag, default: fallback } = settingOf(key)
    const byFlag = flag === undefined ? undefined : flags[flag]
    const byEnvironment = variable === undefined ? undefined : env[variable]
    if (byFlag !== undefined) found.set(key, { value: ofText(key, byFlag, `--${flag}`, cwd), origin: 'flag' })
    else if (byEnvironment !== undefined && byEnvironment !== '')
      found.set(key, { value: ofText(key, byEnvironment, variable!, cwd), origin: 'environment' })
    else if (stored.has(key))
      found.set(key, { value: checked(key, stored.get(key), key, resolve(file, '..')), origin: 'file' })
    else found.set(key, { value: fallback, origin: 'default' })
  }
  const warnings = Object.entries(IGNORED).flatMap(([name, text]) => (env[name] ? [text] : []))
  if (env.MASTER_DATABASE_URL && found.get('role')?.value !== 'bootstrap')
    warnings.push('MASTER_DATABASE_URL is ignored: only a bootstrap node has a master database.')
  return new Config(file, stored, found, warnings)
}

/** The settings of a node, each with its origin. */
export class Config {
  /** One line each, for people. */
  readonly warnings: readonly string[]
  readonly #file: string
  readonly #stored: FileSettings
  readonly #found: Map<SettingKey, Found>
  readonly #listeners: ((key: SettingKey) => void)[] = []

  constructor(
    file: string,
    stored: FileSettings,
    found: Map<SettingKey, Found>,
    warnings: readonly string[],
  ) {
    this.#file = file
    this.#stored = stored
    this.#found = found
    this.warnings = warnings
  }

  value<K extends SettingKey>(key: K): Settings[K] {
    return this.#found.get(key)!.value as Settings[K]
  }

  /** What the file says, whatever is in force. */
  stored(key: SettingKey): unknown {
    return this.#stored.get(key)
  }

  list(): ConfigItem[] {
    return SETTING_KEYS.map((key) => this.get(key))
  }

  /** @throws VivimError `NotFound` */
  get(key: string): ConfigItem {
    if (!isSettingKey(key)) throw unknownKey(key, 'NotFound')
    const { value, origin } = this.#found.get(key)!
    const { dynamic = false, secret = false, description } = settingOf(key)
    const shown = secret && value !== undefined ? SECRET : (value ?? null)
    return { key, value: shown as ConfigItem['value'], origin, dynamic, description }
  }

  /**
   * Changes a setting of the running node, now and in the file.
   * @throws VivimError `NotFound`, `InvalidParams`, `Forbidden` for one that is read at the start only
   */
  set(key: string, value: unknown): ConfigItem {
    if (!isSettingKey(key)) throw unknownKey(key, 'NotFound')
    if (!settingOf(key).dynamic) {
      const hint = `Stop the node, then \`vivimd config set ${key} …\`.`
      throw new VivimError('Forbidden', `${key} is read when the node starts.`, { field: 'key', hint })
    }
    return this.store(key, value)
  }

  /** Writes any setting to the file; for whoever knows that no node runs, or is the node. */
  store(key: string, value: unknown): ConfigItem {
    if (!isSettingKey(key)) throw unknownKey(key, 'NotFound')
    const accepted = checked(key, value, 'That', resolve(this.#file, '..'))
    const stored = new Map(this.#stored).set(key, accepted)
    writeConfigFile(this.#file, stored)
    this.#stored.set(key, accepted)
    this.#found.set(key, { value: accepted, origin: 'file' })
    for (const listener of this.#listeners) listener(key)
    return this.get(key)
  }

  /** Calls `listener` after every change of a setting. */
  onChange(listener: (key: SettingKey) => void): void {
    this.#listeners.push(listener)
  }
}

function checked(key: SettingKey, value: unknown, where: string, folder: string): unknown {
  const { schema, path } = settingOf(key)
  const { success, data, error } = schema.safeParse(value)
  if (!success) {
    const message = `${where} is not a value of ${key}.`
    throw new VivimError('InvalidParams', message, { field: key, hint: error.issues[0]?.message })
  }
  return path && typeof data === 'string' && !isAbsolute(data) ? resolve(folder, data) : data
}

/** Flags and the environment hold text; a setting that is no text takes what looks like a number or a boolean. */
function ofText(key: SettingKey, text: string, where: string, folder: string): unknown {
  const { schema } = settingOf(key)
  return checked(key, schema.safeParse(text).success ? text : typed(text), where, folder)
}

function typed(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return /^-?\d{1,15}$/.test(text) ? Number(text) : text
}

function unknownKey(key: string, code: 'InvalidParams' | 'NotFound'): VivimError {
  const near = nearestName(key, SETTING_KEYS)
  const hint = near === undefined ? '`vivimd config list` shows them all.' : `Did you mean ${near}?`
  return new VivimError(code, `There is no setting ${JSON.stringify(key.slice(0, 100))}.`, {
    field: 'key',
    hint,
  })
}
