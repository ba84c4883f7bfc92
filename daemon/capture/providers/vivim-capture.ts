import type { CaptureConversation } from '../../../schema/capture.ts'
import { type ElementProvider, skippedElement } from './provider.ts'

const FORMAT = 'vivim.capture/1'

/** The schema brings a validator of 7 MB along, which no other provider needs in a user's thread. */
let schema: typeof CaptureConversation | undefined

/** The canonical form itself: one object, an array of them, or one per line. */
export const vivimCapture: ElementProvider = {
  name: 'vivim-capture',
  title: 'vivim.capture/1',
  validated: true,

  detect(element) {
    return element.format === FORMAT
  },

  async prepare() {
    schema ??= (await import('../../../schema/capture.ts')).CaptureConversation
  },

  parse(element) {
    if (!schema) return skippedElement('not prepared')
    const parsed = schema.safeParse(element)
    if (parsed.success) return { conversations: [parsed.data], skipped: [], notes: [] }
    // Keys of metadata are the sender's own words; the field's name up to them is not.
    const path = parsed.error.issues[0]?.path.filter((step) => typeof step === 'string') ?? []
    return skippedElement(`not valid ${FORMAT}: ${path.slice(0, 3).join('.') || 'the whole'}`)
  },
}
