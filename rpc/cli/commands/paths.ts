import { clientConfig } from '../client-config.ts'
import type { Command } from '../command.ts'
import { usage } from '../option-parser.ts'
import { pathsView } from '../views/paths.ts'

/** Needs no node. */
export const paths: Command = {
  usage: '',
  options: {},
  async run({ words, options, env, cwd, print }) {
    if (words.length > 0) throw usage('`vivimd paths` takes no words.')
    const { paths } = clientConfig({ options, env, cwd })
    print(paths, (style) => pathsView(paths, style))
    return 0
  },
}
