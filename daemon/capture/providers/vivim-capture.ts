import { CaptureConversation } from '../../../schema/capture.ts'
import { type Provider, skippedElement } from './provider.ts'

const FORMAT = 'vivim.capture/1'

/** The canonical form itself: one object, an array of them, or one per line. */
export const vivimCapture: Provider = {
  name: 'vivim-capture',
  title: 'vivim.capture/1',
  validated: true,

  detect(element) {
    return element.format === FORMAT
  },

  parse(element) {
    const parsed = CaptureConversation.safeParse(element)
    if (parsed.success) return { conversations: [parsed.data], skipped: [], notes: [] }
    // Keys of metadata are the sender's own words; the field's name up to them is not.
    const path = parsed.error.issues[0]?.path.filter((step) => typeof step === 'string') ?? []
    return skippedElement(`not valid ${FORMAT}: ${path.slice(0, 3).join('.') || 'the whole'}`)
  },
}
