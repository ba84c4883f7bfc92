import { methodCommand } from '../method-command.ts'
import { detectView, jobStateView, jobsView, providersView, reportView, scanView } from '../views/imports.ts'

export const captureCommands = {
  scan: methodCommand('capture.scan', { view: scanView }),
  detect: methodCommand('capture.detect', { view: detectView }),
  providers: methodCommand('capture.providers', { view: providersView }),
  jobs: methodCommand('capture.jobs.list', { view: jobsView }),
  job: methodCommand('capture.jobs.get', { view: reportView }),
  pause: methodCommand('capture.jobs.pause', { view: jobStateView }),
  resume: methodCommand('capture.jobs.resume', { view: jobStateView }),
  cancel: methodCommand('capture.jobs.cancel', { view: jobStateView }),
}
