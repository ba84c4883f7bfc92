import type { Method } from '../../../schema/methods/index.ts'
import { METHODS } from '../../../schema/methods/index.ts'
import { help } from '../../introspection.ts'
import type { Command } from '../command.ts'
import { methodsView, methodView } from '../views/methods.ts'

/** From the table this program was built with; needs no node. */
export const methods: Command = {
  usage: '[METHOD]',
  options: {},
  async run({ words, print }) {
    const [method] = words
    const table = METHODS as unknown as Readonly<Record<string, Method>>
    const result = help(table, method === undefined ? {} : { method })
    print(result, (style) =>
      method === undefined ? methodsView(result, style) : methodView(result.methods[0]!, style),
    )
    return 0
  },
}
