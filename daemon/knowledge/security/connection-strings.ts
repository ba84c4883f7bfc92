import type { SecretSpan } from './span.ts'

/** `scheme://user:password@host`: the password. */
const URL_PASSWORD = /(?<=[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:@/"'`<>]{0,100}:)[^\s@"'`<>]{1,200}(?=@[\w.[-])/gi
/** The keys of Azure, Service Bus and Cosmos connection strings, and signatures of signed URLs. */
const KEY_PART = /(?<=(?:AccountKey|SharedAccessKey|SharedSecretValue)=)[A-Za-z0-9+/]{20,}={0,2}/g
const SIGNATURE =
  /(?<=[?&](?:X-Amz-Signature|X-Goog-Signature|sig|access_token|api_key|apikey|key|token)=)[\w%.+/=-]{24,}/g

const STAND_IN =
  /^(?:[*•.x_-]+|pass(?:word|wd|wort)?|pwd|pw|your\S*|my\S*|<.*|\$.*|%.*|\{.*|\[.*|⟦.*|secret|changeme|xxx+|[A-Z]+(?:_[A-Z]+)*|\d{1,5}(?:\/.*)?)$/i

export function findConnectionStrings(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  if (text.includes('://')) {
    for (const { index, 0: password } of text.matchAll(URL_PASSWORD))
      if (!STAND_IN.test(password))
        spans.push({ start: index, end: index + password.length, kind: 'connection_password' })
    for (const { index, 0: signature } of text.matchAll(SIGNATURE))
      if (/\d/.test(signature) && /[a-z]/i.test(signature))
        spans.push({ start: index, end: index + signature.length, kind: 'signed_url' })
  }
  if (/Account|Shared/.test(text))
    for (const { index, 0: key } of text.matchAll(KEY_PART))
      spans.push({ start: index, end: index + key.length, kind: 'connection_password' })
  return spans
}
