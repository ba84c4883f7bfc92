import { aiStudio } from './aistudio.ts'
import { antigravity } from './antigravity.ts'
import { beads } from './beads.ts'
import { chatgpt } from './chatgpt.ts'
import { chatgptPage } from './chatgpt-page.ts'
import { claude } from './claude.ts'
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import { copilot } from './copilot.ts'
import { deepseek } from './deepseek.ts'
import { geminiCli } from './gemini-cli.ts'
import { geminiPage } from './gemini-page.ts'
import { geminiTakeout } from './gemini-takeout.ts'
import { geminiTakeoutPage } from './gemini-takeout-page.ts'
import { grok } from './grok.ts'
import { hermes } from './hermes.ts'
import type { JsonObject } from './json-value.ts'
import { kimi, kimiPage } from './kimi.ts'
import { leChat } from './le-chat.ts'
import { librechat } from './librechat.ts'
import { lmStudio } from './lm-studio.ts'
import { pageOf } from './mhtml.ts'
import { openWebui } from './open-webui.ts'
import { openaiMessages } from './openai-messages.ts'
import { perplexity } from './perplexity.ts'
import { perplexityPage } from './perplexity-page.ts'
import type { ElementProvider, Provider, TextProvider } from './provider.ts'
import { qwen, qwenPage } from './qwen.ts'
import { sharegpt } from './sharegpt.ts'
import { transcript } from './transcript.ts'
import { vivimCapture } from './vivim-capture.ts'
import { zaiPage } from './zai.ts'

/** In the order in which they are asked whose an element or a file is: what says most of itself first. */
export const PROVIDERS: readonly Provider[] = [
  vivimCapture,
  chatgpt,
  claude,
  deepseek,
  qwen,
  openWebui,
  grok,
  aiStudio,
  geminiCli,
  geminiTakeout,
  claudeCode,
  codex,
  perplexity,
  leChat,
  librechat,
  lmStudio,
  kimi,
  antigravity,
  hermes,
  beads,
  sharegpt,
  openaiMessages,
  geminiTakeoutPage,
  copilot,
  chatgptPage,
  kimiPage,
  qwenPage,
  zaiPage,
  geminiPage,
  perplexityPage,
  transcript,
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
  const page = pageOf(beginning)
  return PROVIDERS.find(
    (provider): provider is TextProvider => provider.kind === 'text' && provider.detect(page),
  )
}

/** Providers whose conversations are an array under a key. */
export function elementProvidersUnder(): ReadonlyMap<string, readonly ElementProvider[]> {
  return Map.groupBy(PROVIDERS.filter(isUnderKey), ({ under }) => under)
}

function isUnderKey(provider: Provider): provider is ElementProvider & { readonly under: string } {
  return provider.kind === undefined && provider.under !== undefined
}
