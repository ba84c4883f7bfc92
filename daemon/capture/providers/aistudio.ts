import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { citationParts, conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import { isObject, type Json, type JsonObject, objects, text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

const FILES: ReadonlyMap<string, Part['type']> = new Map([
  ['driveDocument', 'file'],
  ['driveImage', 'image'],
  ['driveVideo', 'file'],
  ['driveAudio', 'file'],
  ['inlineFile', 'file'],
  ['inlineImage', 'image'],
  ['inlineAudio', 'file'],
  ['youtubeVideo', 'file'],
])

/** Google AI Studio: a prompt as Drive keeps it, in chunks. */
export const aiStudio: ElementProvider = {
  name: 'aistudio',
  title: 'Google AI Studio',
  validated: true,

  detect: ({ chunkedPrompt }) => isObject(chunkedPrompt) && Array.isArray(chunkedPrompt.chunks),

  parse(prompt) {
    const chunked = isObject(prompt.chunkedPrompt) ? prompt.chunkedPrompt : {}
    const settings = isObject(prompt.runSettings) ? prompt.runSettings : {}
    const { messages, notes } = spoken(objects(chunked.chunks))
    const instruction = instructionOf(prompt.systemInstruction)
    return conversationOf({
      provider: 'aistudio',
      originalId: prompt.id,
      title: text(prompt.title) ?? text(prompt.displayName) ?? titleFrom(messages),
      model: settings.model,
      createdAt: prompt.createTime,
      updatedAt: prompt.updateTime,
      messages: messages.length === 0 ? [] : [...instruction, ...messages],
      metadata: { pendingInputs: objects(chunked.pendingInputs) },
      notes,
    })
  },
}

/** A model's thoughts and code stand in chunks of their own before the chunk with the answer. */
function spoken(chunks: readonly JsonObject[]): { messages: CaptureMessage[]; notes: string[] } {
  const messages: CaptureMessage[] = []
  const notes = new Set<string>()
  let open: CaptureMessage | undefined
  for (const chunk of chunks) {
    const parts = chunkParts(chunk)
    if (parts.length === 0) {
      if (text(chunk.errorMessage) === undefined) notes.add('empty chunks')
      else notes.add('chunks with an error in place of an answer')
      if (text(chunk.errorMessage) === undefined) continue
    }
    const role = chunk.role === 'user' ? 'user' : chunk.role === 'model' ? 'assistant' : 'system'
    const message = messageOf({
      id: chunk.id,
      role,
      at: chunk.createTime,
      parts: open && role === 'assistant' ? [...open.parts, ...parts] : parts,
      metadata: aboutOf(chunk),
    })
    if (open && role === 'assistant') {
      const { id, createdAt } = open
      messages[messages.length - 1] = {
        ...message,
        ...(id === undefined ? {} : { id }),
        ...(createdAt === undefined ? {} : { createdAt }),
      }
    } else messages.push(message)
    open = role === 'assistant' && isPreparation(chunk) ? messages.at(-1) : undefined
  }
  return { messages, notes: [...notes] }
}

function isPreparation(chunk: JsonObject): boolean {
  return chunk.isThought === true || isObject(chunk.executableCode) || isObject(chunk.codeExecutionResult)
}

function chunkParts(chunk: JsonObject): Part[] {
  const words =
    text(chunk.text) ??
    objects(chunk.parts)
      .map((part) => text(part.text) ?? '')
      .join('')
  const { executableCode: code, codeExecutionResult: result, grounding } = chunk
  return [
    ...(chunk.isThought === true && words !== '' ? [partOf('thought', words)] : textParts(words)),
    ...(isObject(code) ? [codePart(code)] : []),
    ...(isObject(result) ? [partOf('tool_result', result.output, { outcome: result.outcome })] : []),
    ...[...FILES].flatMap(([name, type]) => {
      const file = chunk[name]
      return isObject(file) ? [filePart(type, name, file)] : []
    }),
    ...(isObject(grounding)
      ? citationParts([...objects(grounding.corroborationSegments), ...objects(grounding.groundingSources)])
      : []),
  ]
}

function codePart({ language, code }: JsonObject): Part {
  const name = text(language)?.toLowerCase().slice(0, 100)
  return { ...partOf('code', code, { run: true }), ...(name === undefined ? {} : { language: name }) }
}

function filePart(type: Part['type'], kind: string, file: JsonObject): Part {
  const { data, ...about } = file
  const isImage = type === 'image' || text(file.mimeType)?.startsWith('image/')
  const encoding = data === undefined ? undefined : 'base64'
  return partOf(isImage ? 'image' : type, data, { ...about, kind, encoding })
}

function aboutOf(chunk: JsonObject): Record<string, Json | undefined> {
  return {
    edited: chunk.isEdited || undefined,
    error: chunk.errorMessage,
    finishReason: chunk.finishReason === 'STOP' ? undefined : chunk.finishReason,
    branchParent: chunk.branchParent,
    branchChildren: chunk.branchChildren,
  }
}

/** Text, or a content with parts. */
function instructionOf(instruction: Json | undefined): CaptureMessage[] {
  const words = isObject(instruction)
    ? (text(instruction.text) ??
      objects(instruction.parts)
        .map((part) => text(part.text) ?? '')
        .join('\n'))
    : text(instruction)
  return words ? [messageOf({ role: 'system', parts: textParts(words), hidden: true })] : []
}
