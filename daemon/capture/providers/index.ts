import { chatgpt } from './chatgpt.ts'
import { claude } from './claude.ts'
import type { JsonObject } from './json-value.ts'
import type { Provider } from './provider.ts'
import { vivimCapture } from './vivim-capture.ts'

/** In the order in which they are asked whose an element is. */
export const PROVIDERS: readonly Provider[] = [vivimCapture, chatgpt, claude]

export function providerNamed(name: string): Provider | undefined {
  return PROVIDERS.find((provider) => provider.name === name)
}

export function providerOf(element: JsonObject): Provider | undefined {
  return PROVIDERS.find((provider) => provider.detect(element))
}
