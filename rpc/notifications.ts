/** Notifications of this protocol besides the method table. */

/** From the caller, `{id}`: give that request up. It is still answered, as `Unavailable`. */
export const CANCEL = '$/cancel'

/** From the node, `{requestId, jobId, done, total?, stage}`: how far a running request has come. */
export const PROGRESS = 'progress'
