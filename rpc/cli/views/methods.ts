import type { Result } from '../../../schema/methods/index.ts'
import { bold, type Style } from './style.ts'
import { table } from './table.ts'

type Methods = Result<'rpc.help'>

export function methodsView({ methods }: Methods, style: Style): string {
  const rows = methods.map(({ name, access, summary }) => [name, access, summary])
  return table(['METHOD', 'ACCESS', 'WHAT'], rows, style)
}

export function methodView(method: Methods['methods'][number], style: Style): string {
  const { name, summary, access, params, errors, examples } = method
  const rows = params.map(({ name, type, required }) => [name, required ? 'needed' : '', type])
  const calls = examples.map(({ title, params }) => {
    const json = JSON.stringify(params).replaceAll("'", "'\\''")
    return `  # ${title}\n  vivimd call ${name}${json === '{}' ? '' : ` --params '${json}'`}\n`
  })
  return [
    `${bold(name, style)} (${access})\n${summary}\n\n`,
    rows.length === 0 ? 'No parameters.\n' : table(['PARAMETER', '', 'TYPE'], rows, style),
    errors.length === 0 ? '' : `\nErrors: ${errors.join(', ')}\n`,
    `\n${calls.join('')}`,
  ].join('')
}
