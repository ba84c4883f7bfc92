import { readFileSync } from 'node:fs'

/** Resident memory of a process in units of 10^6 bytes (Linux). */
export function residentMb(pid: number): number {
  return statusKiB(pid, 'VmRSS') * 1.024e-3
}

/** The highest resident memory the process ever had, in units of 10^6 bytes (Linux). */
export function peakResidentMb(pid: number): number {
  return statusKiB(pid, 'VmHWM') * 1.024e-3
}

function statusKiB(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)
  if (!found) throw new Error(`no ${field} in the status of the process`)
  return Number(found[1])
}
