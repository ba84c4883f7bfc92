import type { OptionSpecs } from './command.ts'

export const GLOBAL_OPTIONS: OptionSpecs = {
  home: { type: 'text', value: 'DIR', help: "the node's home" },
  socket: { type: 'text', value: 'PATH', help: "the node's socket" },
  user: { type: 'text', value: 'NAME', help: 'whom to sign in as: a DID or a display name' },
  json: { type: 'flag', help: 'print the result as JSON' },
  quiet: { type: 'flag', help: 'print ids only, and no notes' },
  timeout: { type: 'number', value: 'SECONDS', help: 'give up waiting for an answer' },
  help: { type: 'flag', help: 'explain a command' },
  version: { type: 'flag', help: 'print the version' },
}
