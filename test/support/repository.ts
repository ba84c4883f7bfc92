import { fileURLToPath } from 'node:url'

/** The root folder of this checkout. */
export const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))

/** The command as a person would run it. */
export const VIVIMD = fileURLToPath(new URL('../../daemon/bin/vivimd.js', import.meta.url))
