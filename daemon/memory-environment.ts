/**
 * Set for a node before it starts. glibc gives each thread a memory arena of its own, and what a user's thread once
 * took stays resident there: one for all saves about 10 MB per open user (measured).
 */
export const MEMORY_ENVIRONMENT = { MALLOC_ARENA_MAX: '1' } as const
