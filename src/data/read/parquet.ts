// Parquet files: columns of texts, integers, floats and booleans, lists of these, lists in lists, and one column of
// bytes, or one of structs or lists of structs, where that is requested. The requested columns are walked side by side,
// one page of each in memory, however large the row groups are. Which columns can be read is for parquet-schema.ts.
// Source: the Parquet format, https://parquet.apache.org/docs/file-format/

import { type FileHandle, open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadataAsync, parquetSchema, type SchemaTree } from 'hyparquet';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { isErrorNamed } from '../../realm.js';
import { dataMemory } from '../data-memory.js';
import { unpackerOf } from './parquet-codecs.js';
import { type ColumnPlace, ParquetColumn, readExactly } from './parquet-column.js';
import { plain } from './parquet-lists.js';
import { valuePath, type WantedColumn, wantedColumns } from './parquet-schema.js';
import { placeOf, type RawBlock, type ReadOptions, type Row } from './row.js';

/** Rows of a block at most. */
const blockRows = 2048;

interface OpenFile {
  file: string;
  handle: FileHandle;
  size: number;
  metadata: FileMetaData;
  root: SchemaTree;
}

/** Rows of a .parquet file, a block at a time; `line` is the number of the row, from 1. */
export async function* parquet(
  file: string,
  { signal, skip = 0, columns, binary, structs, form }: ReadOptions,
): AsyncGenerator<RawBlock> {
  const opened = await openParquet(file);
  try {
    const wanted = wantedColumns(opened, columns, { binary, structs });
    const memory = dataMemory(form?.maxDataMemory);
    let firstRow = 0;
    for (const [group, { num_rows }] of opened.metadata.row_groups.entries()) {
      const rows = Number(num_rows);
      if (skip < firstRow + rows) {
        const place = { group, firstRow, rows, memory };
        const readers = await Promise.all(wanted.map((column) => readerOf(opened, column, place)));
        for (let row = Math.max(skip - firstRow, 0); row < rows; ) {
          signal?.throwIfAborted();
          const block = await nextBlock(file, readers, wanted, row, firstRow, rows);
          yield block;
          row += block.length;
        }
      }
      firstRow += rows;
    }
  } finally {
    await opened.handle.close();
  }
}

async function openParquet(file: string): Promise<OpenFile> {
  const handle = await open(file).catch((error: Error) => {
    throw new DataError(`data file ${file} cannot be read: ${error.message}`);
  });
  try {
    const { size } = await handle.stat();
    const slice = async (start: number, end = size): Promise<ArrayBuffer> =>
      (await readExactly(handle, start, end - start)).buffer;
    const metadata = await parquetMetadataAsync({ byteLength: size, slice }, { geoparquet: false });
    const rows = metadata.row_groups.reduce((sum, group) => sum + group.num_rows, 0n);
    if (rows !== metadata.num_rows) throw new Error(`${metadata.num_rows} rows expected, its row groups hold ${rows}`);
    const root = parquetSchema(metadata);
    if (root.children.some(({ element }) => typeof element.name !== 'string')) throw new Error('a column has no name');
    return { file, handle, size, metadata, root };
  } catch (error) {
    await handle.close();
    // A footer of other bytes makes the parser trip over a field that is not there.
    const cause = isErrorNamed(error, 'TypeError') ? 'its footer is not well formed' : (error as Error).message;
    throw new DataError(
      `data file ${file} cannot be read as Parquet (${cause}): it is cut, damaged or of another format; write it again`,
    );
  }
}

async function readerOf(
  { file, handle, size, metadata }: OpenFile,
  { name, schemaPath }: WantedColumn,
  { group, ...place }: { group: number } & Pick<ColumnPlace, 'firstRow' | 'rows' | 'memory'>,
): Promise<ParquetColumn> {
  const path = schemaPath.slice(1).map(({ element }) => element.name);
  const chunk = metadata.row_groups[group]!.columns.find(
    ({ meta_data }) => meta_data?.path_in_schema.join('\n') === path.join('\n'),
  );
  if (!chunk?.meta_data || chunk.file_path)
    throw new DataError(
      `data file ${file}: row group ${group + 1} does not hold column ${quote(name)} in a readable form ` +
        '(encrypted, or kept in another file); write the file again without that',
    );
  const unpack = await unpackerOf(chunk.meta_data.codec).catch((error: Error) => {
    throw new DataError(`data file ${file}: column ${quote(name)} cannot be read: ${error.message}`);
  });
  return new ParquetColumn({ file, handle, size, schemaPath, chunk: chunk.meta_data, unpack, ...place });
}

/** The rows from `row` on that the pages at hand hold, up to a block. */
async function nextBlock(
  file: string,
  readers: ParquetColumn[],
  wanted: WantedColumn[],
  row: number,
  firstRow: number,
  rows: number,
): Promise<RawBlock> {
  let count = Math.min(blockRows, rows - row);
  for (const reader of readers) {
    await reader.seek(row);
    count = Math.min(count, reader.left);
  }
  const block: RawBlock = new Array(count);
  block.repeats = readers.some((reader) => reader.repeats);
  for (let i = 0; i < count; i++) {
    const record: Row = {};
    for (let c = 0; c < readers.length; c++) {
      const { values, at } = readers[c]!;
      const { name, field, listed } = wanted[c]!;
      const value = plain(values[at + i]);
      if (field === undefined) record[name] = value;
      else if (listed) record[name] = withField(record[name], field, value, placeOf(file, firstRow + row + i + 1));
      else record[name] = { ...(record[name] as Row | undefined), [field]: value };
    }
    block[i] = { row: record, line: firstRow + row + i + 1 };
  }
  return block;
}

/** A list of structs with one more field of each; null where there is no list. @throws DataError for other lengths */
function withField(structs: unknown, field: string, values: unknown, place: string): Row[] | null {
  if (!Array.isArray(values)) return null;
  const known = Array.isArray(structs) ? (structs as Row[]) : values.map(() => ({}));
  if (known.length !== values.length)
    throw new DataError(
      `${place}: the fields of a list have ${known.length} and ${values.length} values (${quote(field)}): the file is damaged`,
    );
  return values.map((value, k) => ({ ...known[k], [field]: value }));
}

/**
 * Features that the datasets library notes in a Parquet file, or in the schema of Arrow that is kept in one; and
 * whether a column, or the lists in it, hold whole numbers. @throws DataError for a file that cannot be read
 */
export async function classNote(file: string, column: string): Promise<{ features: unknown; numeric: boolean }> {
  const { handle, metadata, root } = await openParquet(file);
  await handle.close();
  const values = (key: string) => metadata.key_value_metadata?.find((one) => one.key === key)?.value;
  const child = root.children.find(({ element }) => element.name === column);
  const type = child && valuePath(child)?.at(-1)?.element.type;
  return {
    features: featuresOf(values('huggingface')) ?? featuresOf(noteOfArrow(values('ARROW:schema'))),
    numeric: type === 'INT32' || type === 'INT64',
  };
}

function featuresOf(note: string | undefined): unknown {
  try {
    return JSON.parse(note ?? 'null')?.info?.features;
  } catch {
    return undefined; // a note of another kind
  }
}

/** The note among the metadata of a schema of Arrow: texts of a FlatBuffer, each behind its length in four bytes. */
function noteOfArrow(schema: string | undefined): string | undefined {
  const bytes = Buffer.from(schema ?? '', 'base64');
  const at = bytes.indexOf('{"info"');
  return at < 4 ? undefined : bytes.toString('utf8', at, at + bytes.readUInt32LE(at - 4));
}
