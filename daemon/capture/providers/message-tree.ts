/** A node of a conversation's tree as its export gives it, before order and parents are settled. */
export interface TreeNode<T> {
  readonly key: string
  /** Key of the node it follows; undefined or unknown: a root. */
  readonly parent: string | undefined
  /** Milliseconds UTC, where the node has a time of its own. */
  readonly at: number | undefined
  /** Undefined for a node that carries no message; its children follow what it follows. */
  readonly message: T | undefined
}

export interface PlacedMessage<T> {
  readonly key: string
  readonly message: T
  /** Key of the nearest node above that carries a message. */
  readonly parent: string | undefined
  /** Its own time, or the nearest one above it. */
  readonly at: number | undefined
  readonly timeInherited: boolean
}

export interface MessageTree<T> {
  /** In order of time, each after the one it follows. */
  readonly messages: readonly PlacedMessage<T>[]
  readonly cycles: number
  readonly orphans: number
  /** The node itself or the nearest one above it that carries a message. */
  carrier(key: string): string | undefined
}

interface Settled {
  /** Nearest message at or above the node. */
  readonly carrier: string | undefined
  readonly at: number | undefined
}

/**
 * Settles a tree of any shape without recursion: parents that do not exist make roots (orphans), a cycle is cut at
 * its first node. Order by time keeps the places of messages when branches are added later.
 */
export function messageTree<T>(nodes: readonly TreeNode<T>[]): MessageTree<T> {
  const byKey = new Map(nodes.map((node) => [node.key, node]))
  const settled = new Map<string, Settled>()
  const placed: PlacedMessage<T>[] = []
  const cut = new Set<string>()
  let orphans = 0

  const settle = (node: TreeNode<T>, above: Settled | undefined): void => {
    const at = latest(node.at, above?.at)
    const carrier = node.message === undefined ? above?.carrier : node.key
    settled.set(node.key, { carrier, at })
    if (node.message === undefined) return
    placed.push({
      key: node.key,
      message: node.message,
      parent: above?.carrier,
      at: node.at ?? above?.at,
      timeInherited: node.at === undefined && above?.at !== undefined,
    })
  }

  for (const start of nodes) {
    const path: TreeNode<T>[] = []
    const onPath = new Set<string>()
    let node: TreeNode<T> | undefined = start
    while (node && !settled.has(node.key) && !onPath.has(node.key)) {
      path.push(node)
      onPath.add(node.key)
      node = node.parent === undefined ? undefined : byKey.get(node.parent)
    }
    if (node && onPath.has(node.key)) cut.add(path.at(-1)!.key)
    for (const step of path.reverse()) {
      const isCut = cut.has(step.key)
      if (!isCut && step.parent !== undefined && !byKey.has(step.parent)) orphans++
      const above = isCut || step.parent === undefined ? undefined : settled.get(step.parent)
      settle(step, above)
    }
  }
  return {
    messages: inOrder(placed, settled, nodes),
    cycles: cut.size,
    orphans,
    carrier: (key) => settled.get(key)?.carrier,
  }
}

/** A child is never before its parent, whatever its clock says. */
function latest(own: number | undefined, above: number | undefined): number | undefined {
  if (own === undefined) return above
  return above === undefined ? own : Math.max(own, above)
}

function inOrder<T>(
  placed: readonly PlacedMessage<T>[],
  settled: ReadonlyMap<string, Settled>,
  nodes: readonly TreeNode<T>[],
): PlacedMessage<T>[] {
  const depths = depthOf(placed)
  const place = new Map(nodes.map(({ key }, index) => [key, index]))
  const timeOf = ({ key }: PlacedMessage<T>) => settled.get(key)?.at ?? 0
  return [...placed].sort(
    (a, b) =>
      timeOf(a) - timeOf(b) ||
      depths.get(a.key)! - depths.get(b.key)! ||
      place.get(a.key)! - place.get(b.key)!,
  )
}

/** Messages above each; `placed` has parents before children. */
function depthOf<T>(placed: readonly PlacedMessage<T>[]): Map<string, number> {
  const depths = new Map<string, number>()
  for (const { key, parent } of placed)
    depths.set(key, parent === undefined ? 0 : (depths.get(parent) ?? 0) + 1)
  return depths
}
