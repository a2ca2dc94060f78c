// Places of a text as Python counts them, by code points, and as JavaScript does, by UTF-16 units.

/** The UTF-16 place of each code point of a text; of one behind its end that of the end. */
export function unitsOf(text: string): (point: number) => number {
  // Without pairs of surrogates they are the same.
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return (point) => point;
  const units = [0];
  for (const point of text) units.push(units.at(-1)! + point.length);
  return (point) => units[point] ?? text.length;
}
