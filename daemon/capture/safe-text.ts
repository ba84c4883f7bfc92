const REPLACEMENT = '\ufffd'

/** Text SQLite, UTF-8 and every reader can hold: NUL and lone surrogates become U+FFFD. */
export function safeText(text: string): string {
  const wellFormed = text.isWellFormed() ? text : text.toWellFormed()
  return wellFormed.includes('\0') ? wellFormed.replaceAll('\0', REPLACEMENT) : wellFormed
}
