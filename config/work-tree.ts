import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { VivimError } from '../schema/errors.ts'

/** Private data does not belong where `git add` finds it. @throws VivimError `Forbidden` */
export function refuseWorkTree(home: string): void {
  for (let folder = home; ; folder = dirname(folder)) {
    if (existsSync(join(folder, '.git'))) {
      const hint = 'Choose another place with --home, or use --force.'
      throw new VivimError('Forbidden', 'The home would be inside a git work tree.', { hint })
    }
    if (folder === dirname(folder)) return
  }
}
