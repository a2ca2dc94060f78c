// Parquet files: columns of texts, integers, floats and booleans, lists of these, lists in lists, and one column of
// bytes, or one of structs, where that is requested. The requested columns are walked side by side, one page of each in
// memory, however large the row groups are. Structs, maps and other binary columns are refused by name; other columns
// may hold anything. Source: the Parquet format, https://parquet.apache.org/docs/file-format/

import { type FileHandle, open } from 'node:fs/promises';
import { type FileMetaData, parquetMetadataAsync, parquetSchema, type SchemaElement, type SchemaTree } from 'hyparquet';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { isErrorNamed } from '../../realm.js';
import { dataMemory } from '../data-memory.js';
import { unpackerOf } from './parquet-codecs.js';
import { type ColumnPlace, ParquetColumn, readExactly } from './parquet-column.js';
import { plain } from './parquet-lists.js';
import { columnAt, missingColumn, type RawBlock, type ReadOptions, type Row } from './row.js';

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
          const block = await nextBlock(readers, wanted, row, firstRow, rows);
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

interface WantedColumn {
  name: string;
  /** Of a struct. */
  field?: string;
  /** From the root to the column. */
  schemaPath: SchemaTree[];
}

function wantedColumns(
  { file, root }: OpenFile,
  columns: readonly string[] | undefined,
  { binary, structs = [] }: Pick<ReadOptions, 'binary' | 'structs'>,
): WantedColumn[] {
  const found = root.children.map(({ element }) => element.name);
  return (columns ?? found).flatMap((name): WantedColumn[] => {
    const at = columnAt(found, name, `data file ${file}`);
    if (at === undefined) throw missingColumn(`data file ${file}`, name, found);
    const child = root.children[at]!;
    const bytes = name === binary ? bytesField(child) : undefined;
    if (bytes) return [{ name, schemaPath: [root, ...bytes] }];
    if (structs.includes(name) && isStruct(child))
      return child.children.map((part): WantedColumn => {
        const field = part.element.name;
        return { name, field, schemaPath: [root, child, ...readablePath(file, `${name}.${field}`, part)] };
      });
    return [{ name, schemaPath: [root, ...readablePath(file, name, child)] }];
  });
}

const isStruct = (column: SchemaTree): boolean =>
  column.children.length > 0 && !isList(column) && column.element.repetition_type !== 'REPEATED' && !isMap(column);

const isMap = ({ element }: SchemaTree): boolean =>
  element.converted_type === 'MAP' || element.logical_type?.type === 'MAP';

/** @throws DataError for a column that holds what is not read */
function readablePath(file: string, name: string, column: SchemaTree): SchemaTree[] {
  const path = valuePath(column);
  const kind = path ? unreadable(path.at(-1)!) : 'nested (a struct, a map, or a list of these)';
  if (!kind) return path!;
  throw new DataError(
    `data file ${file}: column ${quote(name)} is ${kind}${path && path.length > 1 ? ' within a list' : ''}; ortune reads ` +
      'texts, integers, floats and booleans, and lists of these: write it as one of these',
  );
}

/**
 * From a column to its bytes: the column itself, or the field `bytes` of a struct, as the datasets library writes
 * pictures.
 */
function bytesField(column: SchemaTree): SchemaTree[] | undefined {
  const field = column.children.find(({ element }) => element.name === 'bytes');
  const path = field ? [column, field] : [column];
  const [{ element, children }] = path.slice(-1) as [SchemaTree];
  const repeated = path.some(({ element }) => element.repetition_type === 'REPEATED');
  const plain =
    element.type === 'BYTE_ARRAY' && element.logical_type === undefined && element.converted_type === undefined;
  return plain && children.length === 0 && !repeated ? path : undefined;
}

/**
 * From a column to its values: a chain where it holds lists, as three levels (LIST, a repeated group, the element) or
 * as two; undefined for structs and maps.
 */
function valuePath(column: SchemaTree): SchemaTree[] | undefined {
  const path = [column];
  for (let node = column; node.children.length > 0; path.push(node)) {
    const [child, ...more] = node.children as [SchemaTree, ...SchemaTree[]];
    if (more.length > 0 || !isList(node)) return undefined;
    // A repeated group is a level of its own, unless its name says that it is the element.
    const { name, repetition_type: type } = child.element;
    const isLevel = child.children.length > 0 && name !== 'array' && name !== `${node.element.name}_tuple`;
    if (type !== 'REPEATED' || (child.children.length > 0 && (!isLevel || child.children.length > 1))) return undefined;
    if (isLevel) path.push(child);
    node = isLevel ? child.children[0]! : child;
  }
  return path;
}

const isList = ({ element }: SchemaTree): boolean =>
  element.converted_type === 'LIST' || element.logical_type?.type === 'LIST';

/** What kind of values these are when they are no texts, numbers or booleans. */
function unreadable({ element }: SchemaTree): string | undefined {
  const kind = element.logical_type?.type ?? element.converted_type;
  switch (element.type) {
    case 'BYTE_ARRAY':
      if (kind === undefined) return 'binary';
      return ['STRING', 'UTF8', 'ENUM'].includes(kind) ? undefined : `of type ${kind}`;
    case 'INT32':
    case 'INT64':
      return kind === undefined || isInteger(kind) ? undefined : `of type ${kind}`;
    case 'FLOAT':
    case 'DOUBLE':
    case 'BOOLEAN':
      return undefined;
    default:
      return kind === 'FLOAT16' ? undefined : binary(element);
  }
}

const isInteger = (kind: string): boolean => kind === 'INTEGER' || /^U?INT_\d+$/.test(kind);
const binary = ({ logical_type, converted_type, type }: SchemaElement): string =>
  `binary (${logical_type?.type ?? converted_type ?? type})`;

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
      const { name, field } = wanted[c]!;
      const value = plain(values[at + i]);
      if (field === undefined) record[name] = value;
      else record[name] = { ...(record[name] as Row | undefined), [field]: value };
    }
    block[i] = { row: record, line: firstRow + row + i + 1 };
  }
  return block;
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
