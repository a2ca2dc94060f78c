// The options that say how data files are read: see fields.ts for the conventions. Where they are left out, the file
// itself is looked at, and what was assumed is said.

import { encodingNamed } from '../data/read/encoding.js';
import { about, bytes, headings, under } from './fields.js';
import { z } from './zod.js';

const character = /^[^\r\n]$/;

export const reading = under(headings.reading, {
  delimiter: z
    .string()
    .regex(/^([^\r\n"]|\\t|tab|comma|semicolon|pipe|space)$/)
    .optional()
    .meta(
      about(
        'Between the fields of CSV and TSV; default that of the header: a comma in .csv and a tab in .tsv, unless it shows semicolons, tabs, pipes or commas instead.',
        {
          value: 'CHAR',
          aliases: ['sep', 'separator'],
          expects: 'one character, or tab, comma, semicolon, pipe or space',
        },
      ),
    ),
  quote: z
    .string()
    .regex(new RegExp(`${character.source}|^none$`))
    .optional()
    .meta(
      about(
        `Around fields of CSV and TSV that hold delimiters or line breaks; none: quotes are letters. Default " in CSV; in TSV the reading that fits the file.`,
        { value: 'CHAR|none', aliases: ['quotechar', 'quote_char'], expects: 'one character, or none' },
      ),
    ),
  encoding: z
    .string()
    .refine((label) => encodingNamed(label) !== undefined, {
      error: ({ input }) =>
        `option 'encoding' must be the name of an encoding, such as utf-8, utf-16le, windows-1252, gb18030 or shift_jis, found ${JSON.stringify(input)}`,
    })
    .optional()
    .meta(
      about('Encoding of text files; default UTF-8, or UTF-16 where the file begins with its mark or shows it.', {
        value: 'NAME',
        aliases: ['charset'],
      }),
    ),
  header: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .transform((names) => (typeof names === 'string' || names.length === 1 ? [names].flat()[0]!.split(',') : names))
    .transform((names) => names.map((name) => name.trim()))
    .optional()
    .meta(
      about(
        'Names of the columns of CSV and TSV files that have no header line, in their order; none: the columns are called 1, 2 and so on.',
        { value: 'NAME,NAME,..|none', aliases: ['names', 'column_names'], expects: 'names of columns, or none' },
      ),
    ),
  lineEnding: z
    .enum(['lf', 'cr', 'any'])
    .optional()
    .meta(
      about(
        'What ends a line of a text file: lf (LF, or CR and LF), cr (CR alone) or any of these; default cr where the file begins without any LF, else lf.',
        { aliases: ['lineterminator', 'line_terminator'] },
      ),
    ),
  maxDataMemory: bytes.optional().meta(
    about(
      'Most memory that samples read from tables may take, as bytes or as text such as 4GB; larger data are refused. Default half of what the process may use.',
      {
        value: 'BYTES',
        aliases: ['max_data_memory'],
        changesNothing: true,
        expects: 'a number of bytes, or a size such as 4GB or 512 MiB',
      },
    ),
  ),
});
