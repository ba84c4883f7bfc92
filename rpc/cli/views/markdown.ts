import { bold, dim, italic, type Style, underline } from './style.ts'
import { oneLine, safe } from './text.ts'

const FENCE = /^(\s*)(`{3,}|~{3,})\s*([^`]*)$/

/** Markdown for a terminal. Without color it stays as it was written, which can be read too; code keeps its every character. */
export function markdownView(source: string, style: Style): string {
  const text = safe(source)
  if (!style.color) return text
  const lines: string[] = []
  let fence: { mark: string; end: RegExp } | undefined
  for (const line of text.split('\n')) {
    if (fence) {
      const closed = fence.end.test(line)
      lines.push(dim(closed ? '└' : '│ ', style) + (closed ? '' : line))
      if (closed) fence = undefined
      continue
    }
    const open = FENCE.exec(line)
    if (open) {
      const mark = open[2]!
      fence = { mark, end: new RegExp(`^\\s*\\${mark[0]}{${mark.length},}\\s*$`) }
      lines.push(dim(`┌ ${oneLine(open[3] ?? '')}`.trimEnd(), style))
    } else lines.push(lineView(line, style))
  }
  return lines.join('\n')
}

/** A block of code with its language. */
export function codeView(source: string, language: string, style: Style): string {
  const text = safe(source).replace(/\n$/, '')
  if (!style.color) {
    // A fence longer than any inside, so that what is copied is one block.
    const longest = [...text.matchAll(/`{3,}/g)].reduce((most, [run]) => Math.max(most, run.length), 2)
    const fence = '`'.repeat(longest + 1)
    return `${fence}${oneLine(language)}\n${text}\n${fence}`
  }
  const body = text.split('\n').map((line) => `${dim('│ ', style)}${line}`)
  return [dim(`┌ ${oneLine(language)}`.trimEnd(), style), ...body, dim('└', style)].join('\n')
}

function lineView(line: string, style: Style): string {
  const heading = /^(#{1,6})\s+(.*?)\s*#*$/.exec(line)
  if (heading)
    return heading[1]!.length < 3 ? underline(bold(heading[2]!, style), style) : bold(heading[2]!, style)
  if (/^\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return dim('─'.repeat(ruleWidth(style)), style)
  const quote = /^\s{0,3}((?:>\s?)+)(.*)$/.exec(line)
  if (quote)
    return (
      dim('│ '.repeat(quote[1]!.replaceAll(/\s/g, '').length), style) + italic(spans(quote[2]!, style), style)
    )
  const task = /^(\s*)[-*+]\s+\[([ xX])\]\s+(.*)$/.exec(line)
  if (task) return `${task[1]}${task[2] === ' ' ? '☐' : '☑'} ${spans(task[3]!, style)}`
  const item = /^(\s*)[-*+]\s+(.*)$/.exec(line)
  if (item) return `${item[1]}• ${spans(item[2]!, style)}`
  return spans(line, style)
}

function ruleWidth({ columns }: Style): number {
  return Math.min(columns, 40)
}

/** Bold, emphasis, code and links of one line; a run inside code is left alone. */
function spans(line: string, style: Style): string {
  const pieces = line.split(/(`+[^`]+`+)/)
  return pieces
    .map((piece, index) => {
      if (index % 2 === 1) return underline(piece.replace(/^`+ ?| ?`+$/g, ''), style)
      return piece
        .replace(/!?\[([^\]\n]{1,500})\]\((https?:\/\/[^\s)]{1,2000})\)/g, (_, words: string, url: string) =>
          words === url ? url : `${words} ${dim(`<${url}>`, style)}`,
        )
        .replace(/\*\*([^*\n]{1,1000})\*\*/g, (_, words: string) => bold(words, style))
        .replace(
          /(^|[^\w*])\*([^*\s][^*\n]{0,500})\*(?!\w)/g,
          (_, before: string, words: string) => before + italic(words, style),
        )
    })
    .join('')
}
