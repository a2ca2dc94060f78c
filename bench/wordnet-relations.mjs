// What WordNet's nouns are kinds of: the senses above each, and how far two are from each other.

/**
 * @param {readonly import('./wordnet-glosses.mjs').Sense[]} senses of readAllSenses: those above others may have no
 *   definition of their own
 */
export function kindsOf(senses) {
  const byId = new Map(senses.map((sense) => [sense.id, sense]));
  /** Senses that a sense is a kind or an instance of. */
  const parents = ({ relations }) =>
    relations.filter(({ symbol }) => /^@i?$/.test(symbol)).map(({ to }) => byId.get(to));
  /** All senses above one, and the sense itself, with the number of steps to it: a Map. */
  function above(sense) {
    const steps = new Map([[sense, 0]]);
    // A Map goes on to entries that are added meanwhile, so this is breadth first.
    for (const [own, count] of steps)
      for (const parent of parents(own)) if (!steps.has(parent)) steps.set(parent, count + 1);
    return steps;
  }
  /** Steps of the shortest path between two senses by a sense above both: Infinity where there is none. */
  function pathLength(a, b) {
    const [fromA, fromB] = [above(a), above(b)];
    let shortest = Number.POSITIVE_INFINITY;
    for (const [sense, steps] of fromA) shortest = Math.min(shortest, steps + (fromB.get(sense) ?? shortest));
    return shortest;
  }
  return { byId, parents, above, pathLength };
}
