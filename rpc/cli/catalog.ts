import type { Command, CommandEntry, LocalCommands } from './command.ts'

/**
 * Every command, light enough for `vivimd --help`: what is behind one is loaded when it runs. Names of two words form
 * groups; a bare group means its `list`.
 */
export function catalog(local: LocalCommands): readonly CommandEntry[] {
  return [
    ...group('Node', [
      ['init', 'set up a home: keys, settings and the first user', local.init],
      ['start', 'start the node', local.start],
      ['stop', 'stop the node', local.stop],
      ['status', 'say what the node is and how it is doing', node('status')],
      ['health', 'probe every open database', node('health')],
      ['metrics', 'show the counters', node('metrics')],
      ['paths', 'say where everything is', async () => (await import('./commands/paths.ts')).paths],
      ['master', 'show the master of this node and what waits for it', master('status')],
      ['master stats', 'add up what members capture from which provider', master('stats')],
      ['master commands', 'list the slash commands of the instance', master('commands')],
      ['master command set', 'put one into its palette', master('command set')],
      ['master command remove', 'take one out', master('command remove')],
      ['master actions', 'list the actions of the instance', master('actions')],
      ['master action set', 'put one into its palette', master('action set')],
      ['master action remove', 'take one out', master('action remove')],
      ['master lookup', 'ask the master about a DID', master('lookup')],
      ['master join', 'become a member of a bootstrap node', master('join')],
      ['master leave', 'be a member of no master', master('leave')],
      [
        'master new-generation',
        'begin the log of this master anew after a restore',
        master('new-generation'),
      ],
      ['network', 'say whether others can reach this node, and why not', network('status')],
      ['network find', 'ask the bootstrap nodes where your other devices are', network('find')],
      ['config list', 'show every setting and where it comes from', config('list')],
      ['config get', 'show one setting', config('get')],
      ['config set', 'change a setting', config('set')],
    ]),
    ...group('Users', [
      ['user create', 'make a user, or restore one from their phrase', user('create')],
      ['user list', 'list the users of this node', user('list')],
      ['user lock', "forget a user's keys until the next sign-in", user('lock')],
      ['user delete', "remove a user's keys and database", user('delete')],
      ['user repair', 'begin a damaged database anew, from other devices', user('repair')],
      ['user rotate-root', 'replace a root key: go on as a new user', user('rotateRoot')],
      ['whoami', 'say whom commands sign in as', user('whoami')],
    ]),
    ...group('Backups', [
      ['backup create', 'write your database and keys to one encrypted file', backup('create')],
      ['backup verify', 'open a backup and check everything in it', backup('verify')],
      ['backup restore', 'make the user of a backup here, as a new device', backup('restore')],
    ]),
    ...group('Devices', [
      ['device pair', 'make a code that brings a new device in', device('pair')],
      ['device join', 'make this one of the devices of whoever made the code', device('join')],
      ['device confirm', 'say that both devices show the same six digits', device('confirm')],
      ['device list', 'list your devices', device('list')],
      ['device revoke', 'take a device out', device('revoke')],
      ['device lost', 'take a lost device out, and say what it could read', device('lost')],
      ['device renew', 'certify this device for another year', device('renew')],
      ['device log', 'show what the root key signed of your devices', device('log')],
      ['device resolve', 'settle on one of two versions of that', device('resolve')],
      ['device rename', 'give a device a name', device('rename')],
    ]),
    ...group('People', [
      ['peers list', 'list your contacts, requests and people you named', peers('list')],
      ['peers invite', 'make an invite for one person, as a link and a QR code', peers('invite')],
      ['peers invite create', 'make an invite for one person', peers('invite')],
      ['peers invite accept', 'use an invite that somebody gave you', peers('acceptInvite')],
      ['peers invite list', 'list the invites this device made', peers('invites')],
      ['peers invite revoke', 'take an invite back', peers('revokeInvite')],
      ['peers request', 'ask somebody to be a contact', peers('request')],
      ['peers accept', 'accept somebody who asked', peers('accept')],
      ['peers remove', 'end a contact, or decline a request', peers('remove')],
      ['peers block', 'hear nothing of somebody any more', peers('block')],
      ['peers unblock', 'take a block back', peers('unblock')],
      ['peers trust', 'say how close a contact is', peers('trust')],
      ['peers name', 'give somebody a name that works wherever a DID does', peers('name')],
      ['peers safety', 'show the digits to compare with somebody', peers('safety')],
      ['peers connect', 'connect to a node', peers('connect')],
      ['peers disconnect', 'end the connections to somebody', peers('disconnect')],
      ['peers privacy', 'say who may ask to be a contact', peers('privacy')],
      ['peers privacy set', 'decide who may ask to be a contact', peers('updatePrivacy')],
    ]),
    ...group('Capture', [
      [
        'import',
        'import exports of ChatGPT, Claude and others',
        async () => (await import('./commands/import.ts')).importFiles,
      ],
      ['scan', 'count what an import would read', capture('scan')],
      ['detect', 'say what a file is', capture('detect')],
      ['providers', 'list the sources that can be read', capture('providers')],
      ['link', 'fetch a share link and store what it shows', capture('link')],
      ['watch', 'follow a folder of sessions or downloads', capture('watch')],
      ['watches list', 'list the folders that are followed', capture('watches')],
      ['watches remove', 'follow a folder no longer', capture('unwatch')],
      ['captures list', 'list what was captured and what failed', capture('attempts')],
      ['captures stats', 'count captures by provider', capture('stats')],
      ['jobs list', 'list imports', capture('jobs')],
      ['jobs get', 'show the report of an import', capture('job')],
      ['jobs pause', 'pause an import', capture('pause')],
      ['jobs resume', 'continue an import', capture('resume')],
      ['jobs cancel', 'end an import; what it stored stays', capture('cancel')],
    ]),
    ...group('Conversations', [
      ['conversations list', 'list conversations, last changed first', conversations('list')],
      ['conversations show', 'read a conversation', conversations('show')],
      ['conversations rename', 'give one a title of your own', conversations('rename')],
      ['conversations tag', 'add and remove tags', conversations('tag')],
      ['conversations archive', 'hide one from lists, search and context', conversations('archive')],
      ['conversations unarchive', 'bring an archived one back', conversations('unarchive')],
      ['conversations delete', 'move one to the trash, or --erase it', conversations('delete')],
      ['conversations restore', 'take one out of the trash', conversations('restore')],
      ['conversations trash', 'list what is in the trash', conversations('trash')],
      ['conversations stats', 'count what there is', conversations('stats')],
    ]),
    ...group('Notebooks', [
      ['notebook list', 'list your notebooks', notebook('list')],
      ['notebook show', 'read a notebook', notebook('show')],
      ['notebook create', 'make one', notebook('create')],
      ['notebook update', 'change its name or description', notebook('update')],
      ['notebook delete', 'delete one with its entries, or --erase them', notebook('delete')],
      ['notebook export', 'give one as Markdown with its sources', notebook('export')],
      ['notebook add', 'add a note or a unit', notebook('add')],
      ['notebook edit', 'edit a note; what other devices edit meanwhile stays', notebook('edit')],
      ['notebook move', 'put an entry behind another one, or first', notebook('move')],
      ['notebook remove', 'take an entry out, or --erase it', notebook('remove')],
      ['annotation list', 'list what you wrote on conversations, messages and units', annotation('list')],
      ['annotation add', 'write on one of them', annotation('add')],
      ['annotation edit', 'edit an annotation', annotation('edit')],
      ['annotation delete', 'delete one, or --erase it', annotation('delete')],
    ]),
    ...group('Knowledge', [
      ['search', 'find units, messages, conversations and topics', knowledge('search')],
      ['context', 'compile cited context for a question', knowledge('context')],
      ['acus list', 'list Atomic Chat Units', knowledge('units')],
      ['acus show', 'show a unit with its places and links', knowledge('unit')],
      ['acus explain', 'say why a unit is what it is', knowledge('explanation')],
      ['topics list', 'list topics, largest first', knowledge('topics')],
      ['topics show', 'show a topic and what it rests on', knowledge('topic')],
    ]),
    ...group('Apps', [
      ['app add', 'let an app in, narrower than you; prints its token once', app('add')],
      ['app list', 'list the apps you let in', app('list')],
      ['app pause', 'stop an app for a while', app('pause')],
      ['app revoke', 'take an app’s grant back', app('revoke')],
      ['access-log', 'say who called what', app('log')],
    ]),
    ...group('Integrity', [
      ['verify', 'check every chain, signature, hash and row', sync('verify')],
      ['rebuild', 'remake units, links, topics and indexes', sync('rebuild')],
      ['sync', 'say how far each of your devices has come', sync('status')],
      ['sync status', 'say how far each of your devices has come', sync('status')],
      ['sync now', 'compare with your other devices and exchange what is missing', sync('now')],
      ['sync audit', 'compare every row with your other devices', sync('audit')],
      ['sync holds', 'list operations that wait, and why', sync('holds')],
      ['sync cursors', 'say how far each other device has come', sync('cursors')],
      ['sync forks', 'say which logs two copies of a device wrote apart', sync('forks')],
      ['sync erasures', 'say what was erased for good, and where it is gone', sync('erasures')],
      ['sync erasures confirm', 'let a mass erasure of another device go through', sync('confirmErasure')],
      ['sync compact', 'drop from the log what is superseded and held by all devices', sync('compact')],
      ['sync snapshot', 'say where the past ends, and make a snapshot', sync('snapshot')],
      ['sync recovered', 'list what was written too late to be taken in', sync('recovered')],
      ['sync recovered accept', 'take recovered items back', sync('acceptRecovered')],
      ['sync recovered dismiss', 'let recovered items go', sync('dismissRecovered')],
      ['operations', 'list the signed operations', sync('operations')],
    ]),
    ...group('Everything else', [
      [
        'call',
        'call any method and print the raw result',
        async () => (await import('./commands/call.ts')).call,
      ],
      ['methods', 'list the methods, or explain one', methods],
      ['help', 'explain a command or a method', methods],
      ['completion', 'print a completion script for bash, zsh or fish', completion(local)],
    ]),
  ]
}

type Row = readonly [name: string, summary: string, load: () => Promise<Command>]

function group(name: string, rows: readonly Row[]): CommandEntry[] {
  return rows.map(([command, summary, load]) => ({ name: command, summary, group: name, load }))
}

type NodeCommands = typeof import('./commands/node.ts')
type ConfigCommands = typeof import('./commands/config.ts')
type MasterCommands = typeof import('./commands/master.ts')
type NetworkCommands = typeof import('./commands/network.ts')
type UserCommands = typeof import('./commands/users.ts')
type BackupCommands = typeof import('./commands/backup.ts')
type DeviceCommands = typeof import('./commands/devices.ts')
type PeersCommands = typeof import('./commands/peers.ts')
type CaptureCommands = typeof import('./commands/capture.ts')
type ConversationCommands = typeof import('./commands/conversations.ts')
type AnnotationCommands = typeof import('./commands/annotations.ts')
type NotebookCommands = typeof import('./commands/notebooks.ts')
type KnowledgeCommands = typeof import('./commands/knowledge.ts')
type AppCommands = typeof import('./commands/apps.ts')
type SyncCommands = typeof import('./commands/sync.ts')

const node = (name: keyof NodeCommands['nodeCommands']) => async () =>
  (await import('./commands/node.ts')).nodeCommands[name]
const config = (name: keyof ConfigCommands['configCommands']) => async () =>
  (await import('./commands/config.ts')).configCommands[name]
const network = (name: keyof NetworkCommands['networkCommands']) => async () =>
  (await import('./commands/network.ts')).networkCommands[name]
const master = (name: keyof MasterCommands['masterCommands']) => async () =>
  (await import('./commands/master.ts')).masterCommands[name]
const user = (name: keyof UserCommands['userCommands']) => async () =>
  (await import('./commands/users.ts')).userCommands[name]
const backup = (name: keyof BackupCommands['backupCommands']) => async () =>
  (await import('./commands/backup.ts')).backupCommands[name]
const device = (name: keyof DeviceCommands['deviceCommands']) => async () =>
  (await import('./commands/devices.ts')).deviceCommands[name]
const peers = (name: keyof PeersCommands['peersCommands']) => async () =>
  (await import('./commands/peers.ts')).peersCommands[name]
const capture = (name: keyof CaptureCommands['captureCommands']) => async () =>
  (await import('./commands/capture.ts')).captureCommands[name]
const conversations = (name: keyof ConversationCommands['conversationCommands']) => async () =>
  (await import('./commands/conversations.ts')).conversationCommands[name]
const annotation = (name: keyof AnnotationCommands['annotationCommands']) => async () =>
  (await import('./commands/annotations.ts')).annotationCommands[name]
const notebook = (name: keyof NotebookCommands['notebookCommands']) => async () =>
  (await import('./commands/notebooks.ts')).notebookCommands[name]
const knowledge = (name: keyof KnowledgeCommands['knowledgeCommands']) => async () =>
  (await import('./commands/knowledge.ts')).knowledgeCommands[name]
const sync = (name: keyof SyncCommands['syncCommands']) => async () =>
  (await import('./commands/sync.ts')).syncCommands[name]
const app = (name: keyof AppCommands['appCommands']) => async () =>
  (await import('./commands/apps.ts')).appCommands[name]
const methods = async () => (await import('./commands/methods.ts')).methods
const completion = (local: LocalCommands) => async () =>
  (await import('./commands/completion.ts')).completion(catalog(local))
