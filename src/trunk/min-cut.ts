// The cheapest set of vertices that separates the sources of a directed graph from its sinks: a maximum flow through
// the vertices (Ford and Fulkerson; shortest augmenting paths, Edmonds and Karp 1972), each split into a way in and a
// way out with its cost between. Of several sets that cost the same it takes the one nearest the sinks. Graphs are
// those of models, a few thousand vertices; the cuts in them have few members, so few paths are needed.

export interface FlowGraph {
  /** Cost of each vertex; Infinity for one that must not be cut. */
  costs: readonly number[];
  /** From vertex to vertex. */
  edges: readonly (readonly [from: number, to: number])[];
  sources: ReadonlySet<number>;
  sinks: ReadonlySet<number>;
}

interface Arc {
  to: number;
  capacity: number;
  /** Index of the arc the other way. */
  back: number;
}

/** Vertices of the cheapest cut, ascending; undefined where some way from a source to a sink cannot be cut. */
export function minVertexCut({ costs, edges, sources, sinks }: FlowGraph): number[] | undefined {
  const count = costs.length;
  const [into, outOf] = [(v: number) => 2 * v, (v: number) => 2 * v + 1];
  const [source, sink] = [2 * count, 2 * count + 1];
  const network = new Network(2 * count + 2);
  for (const [v, cost] of costs.entries()) network.connect(into(v), outOf(v), cost);
  for (const [from, to] of edges) network.connect(outOf(from), into(to), Number.POSITIVE_INFINITY);
  for (const v of sources) network.connect(source, into(v), Number.POSITIVE_INFINITY);
  for (const v of sinks) network.connect(outOf(v), sink, Number.POSITIVE_INFINITY);
  if (!network.saturate(source, sink)) return undefined;
  const behind = network.reaching(sink);
  return costs.flatMap((_, v) => (!behind.has(into(v)) && behind.has(outOf(v)) ? [v] : []));
}

class Network {
  readonly #arcs: Arc[] = [];
  /** Indices of the arcs that leave each place. */
  readonly #leaving: number[][];

  constructor(places: number) {
    this.#leaving = Array.from({ length: places }, () => []);
  }

  connect(from: number, to: number, capacity: number): void {
    const arc = this.#arcs.length;
    this.#arcs.push({ to, capacity, back: arc + 1 }, { to: from, capacity: 0, back: arc });
    this.#leaving[from]!.push(arc);
    this.#leaving[to]!.push(arc + 1);
  }

  /** Sends as much as possible from source to sink; false where there is no bound. */
  saturate(source: number, sink: number): boolean {
    for (let path = this.#path(source, sink); path; path = this.#path(source, sink)) {
      const amount = Math.min(...path.map((arc) => this.#arcs[arc]!.capacity));
      if (amount === Number.POSITIVE_INFINITY) return false;
      for (const arc of path) {
        this.#arcs[arc]!.capacity -= amount;
        this.#arcs[this.#arcs[arc]!.back]!.capacity += amount;
      }
    }
    return true;
  }

  /** The arcs of a shortest way with capacity left. */
  #path(source: number, sink: number): number[] | undefined {
    const reachedBy = new Map<number, number>();
    const queue = [source];
    for (const place of queue) {
      for (const arc of this.#leaving[place]!) {
        const { to, capacity } = this.#arcs[arc]!;
        if (capacity <= 0 || to === source || reachedBy.has(to)) continue;
        reachedBy.set(to, arc);
        queue.push(to);
      }
      if (reachedBy.has(sink)) break;
    }
    if (!reachedBy.has(sink)) return undefined;
    const path: number[] = [];
    for (let place = sink; place !== source; place = this.#arcs[this.#arcs[path.at(-1)!]!.back]!.to)
      path.push(reachedBy.get(place)!);
    return path;
  }

  /** The places from which there is a way to `sink` with capacity left. */
  reaching(sink: number): Set<number> {
    const found = new Set([sink]);
    for (const place of found)
      for (const arc of this.#leaving[place]!) {
        const { to, back } = this.#arcs[arc]!;
        if (this.#arcs[back]!.capacity > 0) found.add(to);
      }
    return found;
  }
}
