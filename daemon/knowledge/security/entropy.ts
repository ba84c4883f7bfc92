/** Shannon entropy of a string's characters, bits per character. */
export function entropyOf(text: string): number {
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length)
  return bits
}

/** What follows this many characters changes no answer. */
const LOOKED_AT = 200

/** Made by a generator, not typed as a stand-in: `xxxxxxxx`, `your-key-here` and `a_long_name` are not. */
export function looksRandom(written: string): boolean {
  const text = written.slice(0, LOOKED_AT)
  if (entropyOf(text) < 3) return false
  if (/x{5}|\.{3}|your|here$|placeholder|abcdefghijk/i.test(text)) return false
  const classes = [/[a-z]/, /[A-Z]/, /\d/].filter((pattern) => pattern.test(text)).length
  return classes > 1 || /^[a-z]{24,}$/.test(text)
}
