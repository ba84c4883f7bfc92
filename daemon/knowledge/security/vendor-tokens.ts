import { looksRandom } from './entropy.ts'
import type { SecretSpan } from './span.ts'
import { longRuns } from './windows.ts'

/** What vendors publish about the form of their keys. `random` bodies must also look generated. */
const TOKENS: readonly [kind: string, pattern: RegExp, random?: true][] = [
  // sk- alone is shared by OpenAI, Anthropic, DeepSeek, OpenRouter and the many that copy their interface.
  ['api_key', /sk-(?:ant-|or-v1-|proj-|svcacct-|admin-|lf-)?[\w-]{20,}/y, true],
  ['api_key', /(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}/y],
  ['api_key', /whsec_[A-Za-z0-9]{24,}/y],
  ['api_key', /gh[pousr]_[A-Za-z0-9]{36,}/y],
  ['api_key', /github_pat_\w{40,}/y],
  ['api_key', /gl(?:pat|ptt|dt|rt|soat|cbt|agent)-[\w-]{20,}/y],
  ['api_key', /A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])/y],
  ['api_key', /AIza[\w-]{35}/y],
  ['api_key', /GOCSPX-[\w-]{24,}/y],
  ['api_key', /ya29\.[\w-]{20,}/y, true],
  ['api_key', /xox[abeoprs]-[\w-]{16,}/y, true],
  ['api_key', /xapp-\d-[\w-]{16,}/y, true],
  ['api_key', /npm_[A-Za-z0-9]{36}/y],
  ['api_key', /pypi-[\w-]{50,}/y],
  ['api_key', /hf_[A-Za-z0-9]{30,}/y, true],
  ['api_key', /do[opr]_v1_[a-f0-9]{64}/y],
  ['api_key', /SG\.[\w-]{20,24}\.[\w-]{39,50}/y],
  ['api_key', /shp(?:at|ss|ca|pa)_[a-fA-F0-9]{32}/y],
  ['api_key', /sq0(?:csp|atp)-[\w-]{22,}/y],
  ['api_key', /SK[0-9a-f]{32}(?![0-9a-f])/y],
  ['api_key', /key-[0-9a-f]{32}(?![0-9a-f])/y],
  ['api_key', /[0-9a-f]{32}-us\d{1,2}(?!\w)/y],
  ['api_key', /(?:secret|ntn)_[A-Za-z0-9]{40,}/y, true],
  ['api_key', /lin_(?:api|oauth)_[A-Za-z0-9]{32,}/y],
  ['api_key', /gsk_[A-Za-z0-9]{40,}/y],
  ['api_key', /pplx-[A-Za-z0-9]{40,}/y],
  ['api_key', /xai-[A-Za-z0-9]{40,}/y],
  ['api_key', /r8_[A-Za-z0-9]{37}/y],
  ['api_key', /fig[dou]_[\w-]{40,}/y],
  ['api_key', /dapi[a-h0-9]{32}/y],
  ['api_key', /hv[sb]\.[\w-]{24,}/y, true],
  ['api_key', /dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}/y],
  ['api_key', /pscale_(?:tkn|pw|oauth)_[\w.-]{32,}/y],
  ['api_key', /sb(?:p_[a-f0-9]{40}|_secret_[\w-]{20,})/y],
  ['api_key', /PMAK-[a-f0-9]{24}-[a-f0-9]{34}/y],
  ['api_key', /NRAK-[A-Z0-9]{27}/y],
  ['api_key', /sntry[su]_[\w=-]{40,}/y],
  ['api_key', /ATATT3[\w=-]{60,}/y],
  ['api_key', /pat[A-Za-z0-9]{14}\.[a-f0-9]{64}/y],
  ['api_key', /dckr_(?:pat|oat)_[\w-]{20,}/y],
  ['api_key', /[A-Za-z0-9]{14}\.atlasv1\.[\w=-]{60,}/y],
  ['api_key', /glc_[A-Za-z0-9+/]{32,}/y],
  ['api_key', /eyJ[\w-]{6,}\.[\w-]*\.[\w-]{16,}\.[\w-]{16,}\.[\w-]{10,}/y],
  ['jwt', /eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}/y],
  ['api_key', /[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}(?![\w-])/y, true],
  ['private_key', /AGE-SECRET-KEY-1[A-Z0-9]{58}/y],
  ['private_key', /[xyz]prv[1-9A-HJ-NP-Za-km-z]{100,}/y],
]

/** Shorter than every key: ordinary words never get further. */
const SHORTEST = 19
/** In a longer run, a data URL for one, only the beginning is looked at. */
const LONGEST = 8_192
/** How the keys begin, in one look. */
const BEGINNING =
  /sk-|[sr]k_|whsec_|gh[pousr]_|github_pat|gl[a-z]{2,5}-|A(?:KIA|SIA|BIA|CCA|IZA|Iza|GE-)|GOCSPX|ya29|xox|xapp|npm_|pypi|hf_|do[opr]_|SG\.|shp|sq0|SK[0-9a-f]|key-|-us\d|secret_|ntn_|lin_|gsk_|pplx|xai-|r8_|fig[dou]_|dapi|hv[sb]\.|dp\.|pscale|sb[p_]|PMAK|NRAK|sntry|ATATT|pat[A-Za-z0-9]|dckr|atlasv1|glc_|eyJ|[MNO][\w-]{23,27}\.|prv/
/** Keys may stand behind a prefix of ours: `Bearer_sk-…` no, `key.sk-…` and `x-sk-…` yes. */
const PLACE = /(?<![A-Za-z0-9])(?=[A-Za-z0-9])/g
const TELEGRAM = /(?<!\d)\d{8,10}:A[A-Za-z0-9_-]{34}(?![\w-])/g
const SLACK_HOOK = /hooks\.slack\.com\/(?:services|workflows)\/[A-Za-z0-9/]{20,}/g

export function findVendorTokens(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  for (const run of longRuns(text, SHORTEST)) {
    const written = text.slice(run.start, Math.min(run.end, run.start + LONGEST))
    if (!BEGINNING.test(written)) continue
    let after = 0
    for (const { index } of written.matchAll(PLACE)) {
      const found = index < after ? undefined : tokenAt(written, index)
      if (!found) continue
      after = found.end
      const end = found.end === written.length ? run.end : run.start + found.end
      spans.push({ start: run.start + index, end, kind: found.kind })
    }
  }
  if (text.includes(':A'))
    for (const { index, 0: token } of text.matchAll(TELEGRAM))
      spans.push({ start: index, end: index + token.length, kind: 'api_key' })
  if (text.includes('hooks.slack.com/'))
    for (const { index, 0: url } of text.matchAll(SLACK_HOOK))
      spans.push({ start: index, end: index + url.length, kind: 'api_key' })
  return spans
}

function tokenAt(text: string, start: number): SecretSpan | undefined {
  for (const [kind, pattern, random] of TOKENS) {
    pattern.lastIndex = start
    const token = pattern.exec(text)?.[0]
    if (token && (!random || looksRandom(token.slice(token.search(/[-_.]/) + 1))))
      return { start, end: start + token.length, kind }
  }
  return undefined
}
