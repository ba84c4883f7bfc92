// Runs before tests, demo and bench: says in one line what to do when the packaged runtime is missing.
const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(`Node 24 or newer is needed, this is ${process.versions.node}: run \`npm rebuild node\`.`)
  process.exitCode = 1
}
