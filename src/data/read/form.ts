// How a text file is to be read where its name does not say so, or says it wrong: what the options `delimiter`,
// `quote`, `encoding`, `header` and `lineEnding` say. What is not given is what the file itself looks like
// (encoding.ts, delimiter.ts, quoting.ts), and what was assumed is said in a note.

export interface TextForm {
  /** Between the fields of CSV and TSV: one character. */
  delimiter?: string | undefined;
  /** Around fields that hold delimiters or line breaks; 'none': quotes are letters. */
  quote?: string | undefined;
  /** A label of encoding.ts. */
  encoding?: string | undefined;
  /** Names of the columns of CSV and TSV without a header line; ['none']: they are called 1, 2, …. */
  header?: readonly string[] | undefined;
  /** lf: LF or CRLF; cr: CR alone; any: each of these. */
  lineEnding?: 'lf' | 'cr' | 'any' | undefined;
}

/** How data files are read. */
export interface ReadForm extends TextForm {
  /** Most bytes that samples in memory may take; default memory-budget.ts's. */
  maxDataMemory?: number | undefined;
}

/** What a configuration says of its data files. */
export const formOf = ({ delimiter, quote, encoding, header, lineEnding, maxDataMemory }: ReadForm): ReadForm => ({
  delimiter,
  quote,
  encoding,
  header,
  lineEnding,
  maxDataMemory,
});
