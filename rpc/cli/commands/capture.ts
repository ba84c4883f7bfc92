import { methodCommand } from '../method-command.ts'
import { detectView, jobStateView, jobsView, providersView, reportView, scanView } from '../views/imports.ts'
import { attemptsView, captureStatsView, linkView, watchesView, watchView } from '../views/live-capture.ts'

export const captureCommands = {
  watch: methodCommand('capture.watch', { view: watchView }),
  watches: methodCommand('capture.watches.list', { view: watchesView }),
  unwatch: methodCommand('capture.watches.remove', {
    view: () => 'Not followed any more; what was captured stays.\n',
  }),
  link: methodCommand('capture.link', { view: linkView }),
  attempts: methodCommand('capture.attempts', { view: attemptsView }),
  stats: methodCommand('capture.stats', { view: captureStatsView }),
  scan: methodCommand('capture.scan', { view: scanView }),
  detect: methodCommand('capture.detect', { view: detectView }),
  providers: methodCommand('capture.providers', { view: providersView }),
  jobs: methodCommand('capture.jobs.list', { view: jobsView }),
  job: methodCommand('capture.jobs.get', { view: reportView }),
  pause: methodCommand('capture.jobs.pause', { view: jobStateView }),
  resume: methodCommand('capture.jobs.resume', { view: jobStateView }),
  cancel: methodCommand('capture.jobs.cancel', { view: jobStateView }),
}
