// A text file that is one text as a whole, such as a page of documentation: plain text or Markdown, whose marks are
// part of it. It has one column, and which one is wanted is what that is called; a file with nothing but white space
// has no text. Encodings and ends of lines are those of all text files.

import { DataError } from '../../errors.js';
import { textBlocks } from './blocks.js';
import type { RawBlock, ReadOptions } from './row.js';

/** Largest document, in characters: more is no text that somebody wrote as one. */
const mostCharacters = 64 * 1024 * 1024;

/** Whether a file is a document by its name. */
export const isDocument = (file: string): boolean => /\.(txt|md|markdown)(\.gz)?$/i.test(file);

/** @throws DataError, with file and line, for what cannot be read or decoded, and for a file beyond 64 Mi characters */
export async function* document(file: string, options: ReadOptions): AsyncGenerator<RawBlock> {
  const { columns = [], skip = 0 } = options;
  const parts: string[] = [];
  let characters = 0;
  for await (const { text } of textBlocks(file, options)) {
    parts.push(text);
    characters += text.length;
    if (characters > mostCharacters)
      throw new DataError(
        `${file} is one text of more than ${mostCharacters} characters; write its parts to files of their own, or as rows of a .jsonl file`,
      );
  }
  const text = parts.join('').replaceAll('\r\n', '\n');
  if (text.trim() === '') {
    options.note?.(`${file} holds no text and is left out`);
    return;
  }
  // Where several columns are wanted, those that it has not are missed by their names.
  if (skip === 0) yield [{ row: { [columns.length === 1 ? columns[0]! : 'text']: text }, line: 1 }];
}
