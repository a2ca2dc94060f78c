// Which character separates the fields of a file, where no option says so: that of the file's ending, unless the header
// shows another one. German and French Excel writes semicolons into .csv, others tabs or pipes, and Excel also writes a
// first line sep=; in front of the header.

import { FieldScanner } from './fields.js';

/** As the option takes them, besides a character as it is. */
const delimiterNames: Readonly<Record<string, string>> = {
  tab: '\t',
  '\\t': '\t',
  comma: ',',
  semicolon: ';',
  pipe: '|',
  space: ' ',
};
export const delimiterOf = (text: string): string => delimiterNames[text] ?? text;

const names: Readonly<Record<string, string>> = { '\t': 'tabs', ',': 'commas', ';': 'semicolons', '|': 'pipes' };
/** A delimiter in messages. */
export const delimiterName = (delimiter: string): string => names[delimiter] ?? `'${delimiter}'`;

const candidates = [',', ';', '\t', '|'];

/** Excel's first line, and the delimiter it states. */
const stated = /^"?sep=(.)"?\r?\n/i;

export interface Head {
  /** Characters before the first record, a whole line or none. */
  passed: number;
  delimiter: string;
  /** What to say where it is not that of the file's ending. */
  note?: string | undefined;
}

export interface HeadOptions {
  /** The option's. */
  delimiter: string | undefined;
  /** Of the file's ending. */
  usual: string;
  quote: string;
  /** Columns that the header must have; undefined: any. */
  columns: readonly string[] | undefined;
  /** The file has no header line: how many columns there are, 0 where that is unknown. */
  width: number | undefined;
}

/** @param text the beginning of a file, with its header */
export function headOf(text: string, options: HeadOptions): Head {
  const { usual } = options;
  const [line, sign] = stated.exec(text) ?? ['', undefined];
  const passed = line.length;
  if (options.delimiter !== undefined) return { passed, delimiter: options.delimiter };
  if (sign !== undefined)
    return { passed, delimiter: sign, note: `fields are separated by ${delimiterName(sign)}, as its first line says` };
  const delimiter = found(text, options);
  if (delimiter === usual) return { passed, delimiter };
  const why = options.width === undefined ? 'header' : 'first line';
  const note = `fields are separated by ${delimiterName(delimiter)}, as its ${why} shows, not by ${delimiterName(usual)}`;
  return { passed, delimiter, note };
}

function found(text: string, { usual, quote, columns, width }: HeadOptions): string {
  const firsts = [usual, ...candidates.filter((one) => one !== usual)].map((delimiter) => ({
    delimiter,
    fields: firstRecord(text, delimiter, quote),
  }));
  const wanted = columns?.map((name) => name.normalize('NFC'));
  const fits =
    width === undefined
      ? (fields: readonly string[]) => wanted?.every((name) => fields.some((field) => field.normalize('NFC') === name))
      : ({ length }: readonly string[]) => length === width;
  const fitting = firsts.find(({ fields }) => fits(fields));
  if (fitting) return fitting.delimiter;
  // None fits, which will be refused with the names that there are: by the delimiter that makes more than one.
  const [first, ...others] = firsts as [(typeof firsts)[0], ...typeof firsts];
  if (first.fields.length > 1) return usual;
  return others.reduce((best, one) => (one.fields.length > best.fields.length ? one : best), first).delimiter;
}

function firstRecord(text: string, delimiter: string, quote: string): string[] {
  const scanner = new FieldScanner('', { delimiter, quote });
  scanner.add(text);
  try {
    const count = scanner.next(true);
    return scanner.fields.slice(0, count);
  } catch {
    return [];
  }
}
