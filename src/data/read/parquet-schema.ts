// Which columns of a Parquet file can be read, and their ways from the root: texts, integers, floats and booleans,
// lists of these, and where it is asked for bytes, structs and lists of structs. Structs, maps and other binary columns
// are refused by name; columns that are not wanted may hold anything. Source:
// https://parquet.apache.org/docs/file-format/nestedencoding/ and LogicalTypes.md (lists of two and three levels)

import type { SchemaElement, SchemaTree } from 'hyparquet';
import { DataError } from '../../errors.js';
import { quote } from '../../quote.js';
import { columnAt, missingColumn, type ReadOptions } from './row.js';

export interface WantedColumn {
  name: string;
  /** Of a struct, or of each struct of a list. */
  field?: string;
  listed?: boolean;
  /** From the root to the column. */
  schemaPath: SchemaTree[];
}

/** @throws DataError for columns that are not there, or hold what is not read */
export function wantedColumns(
  { file, root }: { file: string; root: SchemaTree },
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
    const listed = !isStruct(child);
    const struct = structs.includes(name) ? (listed ? structInList(child) : [child]) : undefined;
    if (struct)
      return struct.at(-1)!.children.map((part): WantedColumn => {
        const field = part.element.name;
        const schemaPath = [root, ...struct, ...readablePath(file, `${name}.${field}`, part)];
        return { name, field, listed, schemaPath };
      });
    return [{ name, schemaPath: [root, ...readablePath(file, name, child)] }];
  });
}

const isStruct = (column: SchemaTree): boolean =>
  column.children.length > 0 && !isList(column) && column.element.repetition_type !== 'REPEATED' && !isMap(column);

/** From a list of three levels to the structs in it; undefined for other columns. */
function structInList(column: SchemaTree): SchemaTree[] | undefined {
  const [level, ...more] = isList(column) ? column.children : [];
  if (level?.element.repetition_type !== 'REPEATED' || more.length > 0 || !isLevel(column, level)) return undefined;
  const [within, ...others] = level.children as [SchemaTree, ...SchemaTree[]];
  return others.length === 0 && isStruct(within) ? [column, level, within] : undefined;
}

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
export function valuePath(column: SchemaTree): SchemaTree[] | undefined {
  const path = [column];
  for (let node = column; node.children.length > 0; path.push(node)) {
    const [child, ...more] = node.children as [SchemaTree, ...SchemaTree[]];
    if (more.length > 0 || !isList(node)) return undefined;
    const level = isLevel(node, child);
    if (child.element.repetition_type !== 'REPEATED') return undefined;
    if (child.children.length > 0 && (!level || child.children.length > 1)) return undefined;
    if (level) path.push(child);
    node = level ? child.children[0]! : child;
  }
  return path;
}

/** Whether a list's repeated group is a level of its own; else its name says that it is the element. */
const isLevel = (list: SchemaTree, { element: { name }, children }: SchemaTree): boolean =>
  children.length > 0 && name !== 'array' && name !== `${list.element.name}_tuple`;

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
