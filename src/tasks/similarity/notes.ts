// What is said of the classes of texts: those of a single text, which is like no other.

import { bytesOfSpans } from '../../data/column-kinds.js';
import { ofKind } from '../../data/columns.js';
import { locationOf, type Table } from '../../data/table.js';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { classRole } from './mask.js';

/** @throws DataError where no class has two texts, or there is one class alone: nothing would be learnt */
export function classNotes(tables: readonly Table[]): string[] {
  return tables.flatMap((table) => {
    const column = ofKind(table.columns, classRole, 'text');
    if (!column || table.count === 0) return [];
    const bytes = bytesOfSpans(column);
    const nameOf = (i: number): string => Buffer.from(bytes(i)).toString();
    const counts = new Map<string, { first: number; count: number }>();
    for (let i = 0; i < table.count; i++) {
      const known = counts.get(nameOf(i));
      if (known) known.count++;
      else counts.set(nameOf(i), { first: i, count: 1 });
    }
    const single = [...counts].filter(([, { count }]) => count === 1);
    const place = locationOf(table, 0);
    if (single.length === counts.size)
      throw new DataError(
        `${place} and the rows behind it: each of the ${counts.size} classes of 'classColumn' has one text, and texts of a class are brought together; expected classes of two texts or more`,
      );
    if (counts.size === 1)
      throw new DataError(
        `${place} and the rows behind it: all ${table.count} texts are of the class ${quote(nameOf(0))}, and texts of other classes are what a text is unlike; expected two classes or more`,
      );
    if (single.length === 0) return [];
    const [[name, { first }]] = single as [(typeof single)[number]];
    return [
      `${single.length} of ${counts.size} classes have one text, which is only unlike others, such as ${quote(name)} (${locationOf(table, first)})`,
    ];
  });
}
