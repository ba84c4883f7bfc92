export interface StartOptions {
  /** The stub that starts this program in another process. */
  readonly program: string
  readonly version: string
  /** When this process started: milliseconds UTC, and on the monotonic clock. */
  readonly startedAt: number
  readonly startedMonotonic: number
}
