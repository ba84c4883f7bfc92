import { entropyOf } from './entropy.ts'
import type { SecretSpan } from './span.ts'
import { windowsAround } from './windows.ts'

/** A cheap look first: most text names no secret. */
const NAMED =
  /[Pp](?:[Aa][Ss][Ss]|[Ww][Dd]|[Ii][Nn]\b)|[Kk](?:[Ee][Yy]|[Ee][Nn][Nn][Ww])|[Ss](?:[Ee][Cc][Rr]|[Cc][Hh][Ll])|[Tt][Oo][Kk][Ee]|[Cc][Rr][Ee][Dd][Ee]|[Cc]ontrase|mot de p|[Bb](?:[Ee][Aa][Rr][Ee]|[Aa][Ss][Ii][Cc] )|-u /g

const PASSWORD = `(?:pass(?:word|wd|phrase|code|wort)?|pwd|kennwort|contraseña|mot de passe|(?<![a-z])pin(?:[ -]?code)?)`
const KEY = `(?:secret|token|api[ _-]?key|access[ _-]?key|auth[ _-]?key|account[ _-]?key|encryption[ _-]?key|signing[ _-]?key|credential)s?`
const VALUE = String.raw`("[^"\n]{1,200}"|'[^'\n]{1,200}'|${'`'}[^${'`'}\n]{1,200}${'`'}|[^\s"'${'`'}]{1,200})`

/** `DB_PASSWORD=…`, `"password": "…"`, `--password …`. */
const PASSWORD_ASSIGNED = new RegExp(
  String.raw`${PASSWORD}(?:[ _-]?(?:hash|value|\d{1,2}))?["'\]]?\*{0,2}[ \t]{0,4}(?::=|=>|[:=])\*{0,2}[ \t]{0,4}${VALUE}`,
  'gi',
)
const PASSWORD_FLAG = new RegExp(
  String.raw`(?:--?pass(?:word)?|sshpass -p|-u [\w.-]{1,40}:)[ =]?${VALUE}`,
  'gi',
)
/** `my password is …`, `das Passwort lautet …`, `password for the wifi: …`. */
const PASSWORD_SAID = new RegExp(
  String.raw`(?:(my|our|the|your|his|her|their|wifi|wi-fi|wlan|mein\w*|unser\w*|das|dein\w*|la|le|mi|mon) (?:[\w-]{1,20} ){0,3}?)?${PASSWORD}((?: (?:for|to|of|on|für|zum|zur|vom|de) (?:[\w.@'-]{1,30} ?){1,4}?)?) ?(?: is now| is still| is| was| ist jetzt| ist| war| lautet| es| est|:|=) ${VALUE}`,
  'gi',
)
/** `api_key = "…"`, `AWS_SECRET_ACCESS_KEY=…`, `x-api-key: …`. */
const KEY_ASSIGNED = new RegExp(
  String.raw`${KEY}(?:[ _-]?(?:key|value|id|secret))?["'\]]?\*{0,2}[ \t]{0,4}(?::=|=>|[:=]| is| ist)\*{0,2}[ \t]{0,4}${VALUE}`,
  'gi',
)
const BEARER = /\b(?:bearer|basic|token)[ :]{1,3}([A-Za-z0-9+/_~.=-]{16,600})/gi

/** Stand-ins, types, calls and names of variables: what code and manuals put where a password goes. */
const STAND_IN =
  /^(?:$|[*•.x_-]+$|[<[{(]|\$|%|@|⟦|\\|\/|&|#\{|your|my[_-]|the$|enter|change|insert|replace|example|password|passwd|passwort|passphrase|secret|token|string|str$|str[^\w]|number|text$|bool|any$|null|none|nil|undefined|true|false|required|optional|placeholder|redacted|hidden|masked|process\.|os\.|env|getenv|config|self\.|this\.|req\.|request|user\.|args|params|options|input|prompt|z\.|hash|bcrypt|argon|crypto|await|new$|function|const|let|var|import|char|varchar|type|field|form|get|set_|read|fetch|load)/i
const STATES =
  /^(?:is|not|too|a|an|the|in|on|to|at|of|for|and|or|wrong|in?correct|correct|invalid|valid|weak|strong|expired|empty|missing|stored|hashed|encrypted|encoded|case|needed|reset|resetting|changed|lost|forgotten|safe|secure|insecure|compromised|leaked|ok|okay|fine|good|bad|long|short|protected|rejected|accepted|sent|never|always|still|now|only|also|just|being|used|set|saved|there|here|that|this|it|what|when|how|why|kept|shown|visible|plain|checked|verified|generated|random|unique|different|same|falsch|richtig|nicht|zu|sicher|unsicher|abgelaufen|vergessen|weg|leer|ein|eine|der|die|das|im|am|auf|gespeichert|geändert|auth|authentication|login|manager|managers|generator|policy|field|based|less|user|users|username|email|admin|min|max|minimum|maximum|must|should|at least|mindestens)$/i
const EXPRESSION =
  /^[A-Za-z_$][\w$]*(?:\(|\[|\.[A-Za-z_])|\(\)|=>|^[a-z]+(?:[A-Z][a-z]+)+[,;)]?$|^[a-z]+_[a-z_]+[,;)]?$/

/** How far before its key word an assignment may begin, and how far after it its value may end. */
const BEFORE = 100
const AFTER = 700

type Accepts = (value: string, quoted: boolean, match: RegExpExecArray) => boolean

const FORMS: readonly [pattern: RegExp, valueGroup: number, kind: string, accepts: Accepts][] = [
  [PASSWORD_ASSIGNED, 1, 'password', isAssignedPassword],
  [PASSWORD_FLAG, 1, 'password', isAssignedPassword],
  [PASSWORD_SAID, 3, 'password', (value, quoted, match) => isSaidPassword(value, quoted, match[1], match[2])],
  [KEY_ASSIGNED, 1, 'api_key', isKeyValue],
  [BEARER, 1, 'bearer_token', isKeyValue],
]

export function findAssignedSecrets(text: string): SecretSpan[] {
  return windowsAround(text, NAMED, BEFORE, AFTER).flatMap((window) =>
    FORMS.flatMap(([pattern, group, kind, accepts]) =>
      Array.from(window.text.matchAll(pattern), (match) => {
        const written = match[group]!
        const quoted = /^["'`]/.test(written)
        const value = quoted ? written.slice(1, -1) : written.replace(/[.,;:?)\]}>*]+$/, '')
        if (!accepts(value, quoted, match)) return []
        const start = window.start + match.index + match[0].length - written.length + (quoted ? 1 : 0)
        return [{ start, end: start + value.length, kind }]
      }).flat(),
    ),
  )
}

function isAssignedPassword(value: string, quoted: boolean): boolean {
  if (value.length < 4 || STAND_IN.test(value)) return false
  if (quoted) return !/\s{2}|^[\w ]+ [\w ]+ [\w ]+ [\w ]+$/.test(value) || /\d/.test(value)
  if (EXPRESSION.test(value) || STATES.test(value)) return false
  return isMixed(value) || /^[A-Za-z]{6,40}$/.test(value)
}

function isSaidPassword(value: string, quoted: boolean, whose: string | undefined, what = ''): boolean {
  if (value.length < 4 || STAND_IN.test(value) || STATES.test(value)) return false
  if (quoted || isMixed(value)) return !EXPRESSION.test(value)
  return (
    (whose !== undefined || what !== '') &&
    /^[A-Za-zÀ-ÿ]{5,40}$/.test(value) &&
    !/(?:ed|ing|able|ible|ive|ly|t|en)$/.test(value)
  )
}

/** A key is long and looks made by a generator; sentences about keys and names of variables do not. */
function isKeyValue(value: string): boolean {
  if (value.length < 12 || STAND_IN.test(value) || /\s/.test(value)) return false
  if (EXPRESSION.test(value) || /^https?:/.test(value) || !/\d/.test(value) || !/[a-z]/i.test(value))
    return false
  return entropyOf(value) >= 3
}

/** Letters with digits or signs: what a person is made to type as a password. */
function isMixed(value: string): boolean {
  return (
    (/\d/.test(value) && /[A-Za-zÀ-ÿ!@#$%^&*?~+-]/.test(value)) ||
    /^\d{4,12}$/.test(value) ||
    (/[!@#$%^&*?~+]/.test(value) && /[A-Za-zÀ-ÿ]{3}/.test(value))
  )
}
