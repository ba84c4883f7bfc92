import { htmlMarkdown } from './html-markdown.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, list, objects, text } from './json-value.ts'
import type { ListedElement, ListProvider } from './provider.ts'
import { type Activity, activityConversations, appIdIn, isImageName } from './takeout-activity.ts'

/** Exactly: other products have files of the same name and form. */
const HEADER = 'Gemini Apps'

/** Gemini in Google Takeout, the JSON form: My Activity. */
export const geminiTakeout: ListProvider = {
  kind: 'list',
  name: 'gemini',
  title: 'Gemini (Google Takeout)',
  validated: true,

  detect({ header, title, time, safeHtmlItem }) {
    if (header !== HEADER || typeof title !== 'string') return false
    return Array.isArray(safeHtmlItem) || instant(time) !== undefined
  },

  parse: (records) =>
    activityConversations(records.filter(({ value }) => value.header === HEADER).map(activity)),
}

function activity({ value, bytes }: ListedElement): Activity {
  const { title, titleUrl, time, safeHtmlItem, attachedFiles, imageFile, details } = value
  const links = [titleUrl, ...objects(details).map(({ url }) => url)]
  return {
    title: text(title) ?? '',
    at: instant(time),
    answers: objects(safeHtmlItem).map(({ html }) => htmlMarkdown(text(html) ?? '')),
    files: [
      ...names(attachedFiles).map((name) => ({ name, isImage: isImageName(name) })),
      ...names(imageFile).map((name) => ({ name, isImage: true })),
    ],
    appId: links.map(appIdIn).find((id) => id !== undefined),
    raw: bytes,
  }
}

function names(value: JsonObject[string] | undefined): string[] {
  const items = typeof value === 'string' ? [value] : list(value)
  return items.flatMap((item) => text(isObject(item) ? (item.name ?? item.url) : item) ?? [])
}
