import type { OpenVault } from './open-vault.ts'

/** Whether changes of this device's own are kept back until its clock is right: they count for nobody yet. */
export function keepsBack({ logs, space }: OpenVault): boolean {
  return logs.list(space).some(({ suspect }) => suspect !== null)
}

/** Whether what this device calls now may be wrong: who is thought to be away, and what is long past, follows from it. */
export function isClockDoubted(vault: OpenVault): boolean {
  return keepsBack(vault) || !vault.clockWatch.isRight
}
