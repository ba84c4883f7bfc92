import { aiStudio } from './aistudio.ts'
import { chatgpt } from './chatgpt.ts'
import { claude } from './claude.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { deepseek } from './deepseek.ts'
import { geminiCli } from './gemini-cli.ts'
import { geminiTakeout } from './gemini-takeout.ts'
import { geminiTakeoutPage } from './gemini-takeout-page.ts'
import { grok } from './grok.ts'
import type { JsonObject } from './json-value.ts'
import { openWebui } from './open-webui.ts'
import type { ElementProvider, Provider, TextProvider } from './provider.ts'
import { vivimCapture } from './vivim-capture.ts'

/** In the order in which they are asked whose an element is. */
export const PROVIDERS: readonly Provider[] = [
  vivimCapture,
  chatgpt,
  claude,
  deepseek,
  openWebui,
  grok,
  aiStudio,
  geminiCli,
  geminiTakeout,
  geminiTakeoutPage,
  claudeCode,
  codex,
]

export function providerNamed(name: string): Provider | undefined {
  return PROVIDERS.find((provider) => provider.name === name)
}

/** Whose an element of a file is: a conversation, or one of the messages or events of one. */
export function providerOf(element: JsonObject): Provider | undefined {
  return PROVIDERS.find(
    (provider) => provider.kind !== 'text' && !isUnderKey(provider) && provider.detect(element),
  )
}

/** Whose a file is that is no JSON. */
export function textProviderOf(beginning: string): Provider | undefined {
  return PROVIDERS.find(
    (provider): provider is TextProvider => provider.kind === 'text' && provider.detect(beginning),
  )
}

/** Providers whose conversations are an array under a key. */
export function elementProvidersUnder(): ReadonlyMap<string, readonly ElementProvider[]> {
  return Map.groupBy(PROVIDERS.filter(isUnderKey), ({ under }) => under)
}

function isUnderKey(provider: Provider): provider is ElementProvider & { readonly under: string } {
  return provider.kind === undefined && provider.under !== undefined
}
