import type { Result } from '../../../schema/methods/index.ts'
import type { OptionValues } from '../command.ts'
import { number } from './search.ts'
import { bold, dim, type Style } from './style.ts'
import { table } from './table.ts'
import { date, oneLine, safe } from './text.ts'

type Bundle = Result<'context.compile'>

/** The context itself, as it would be given to a model; with `--why`, what it is made of and for which reasons. */
export function contextView(bundle: Bundle, style: Style, { why }: OptionValues): string {
  const text = bundle.text === '' ? 'Nothing here bears on that.\n' : `${safe(bundle.text).trimEnd()}\n`
  const { tokens, maxTokens, tokenizer } = bundle
  const size = dim(`${tokens} of ${maxTokens} tokens (${tokenizer})`, style)
  const warnings = bundle.warnings.map((warning) => `Warning: ${oneLine(warning)}\n`).join('')
  return `${text}\n${size}\n${warnings}${why ? reasons(bundle, style) : ''}`
}

function reasons({ items, layers, dropped }: Bundle, style: Style): string {
  const budget = layers.map(({ layer, tokens, budget }) => [layer, String(tokens), String(budget)])
  const cited = items.map(({ citation, layer, kind, date: at, tokens, score, why, conversationId }) => [
    citation,
    layer,
    kind,
    date(at),
    String(tokens),
    number(score),
    conversationId ?? '-',
    why.map(({ term, value }) => `${oneLine(term)} ${number(value)}`).join(', '),
  ])
  const left = new Map<string, number>()
  for (const { reason } of dropped) left.set(reason, (left.get(reason) ?? 0) + 1)
  return [
    `\n${table(['LAYER', 'TOKENS', 'BUDGET'], budget, style)}\n`,
    table(['CITED', 'LAYER', 'KIND', 'DATE', 'TOKENS', 'SCORE', 'CONVERSATION', 'BECAUSE'], cited, style),
    left.size === 0 ? '' : `\n${bold('Left out', style)}\n`,
    ...[...left].map(([reason, times]) => `  ${times} × ${oneLine(reason)}\n`),
  ].join('')
}
