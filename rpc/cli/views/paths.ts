import type { Paths } from '../../../config/paths.ts'
import type { Style } from './style.ts'
import { facts } from './table.ts'

export function pathsView(paths: Paths, style: Style): string {
  return facts(Object.entries(paths) as [string, string][], style)
}
