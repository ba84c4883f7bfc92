export { type CliOptions, runCli } from './run.ts'
