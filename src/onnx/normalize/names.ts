// Names that nothing else has, in time that does not grow with how many nodes want the same one.

/** Makes names that are neither among `taken` nor given before. */
export function uniqueNames(taken: Iterable<string>): (stem: string) => string {
  const used = new Set(taken);
  const counters = new Map<string, number>();
  return (stem) => {
    let name = stem;
    for (let n = counters.get(stem) ?? 0; used.has(name); ) {
      name = `${stem}_${++n}`;
      counters.set(stem, n);
    }
    used.add(name);
    return name;
  };
}
