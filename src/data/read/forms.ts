// Rows whose columns are not simply by their names: which of several forms a row has is seen by its keys, and said. A
// form gives the values of the columns that it names, by role; others are read as usual.

import type { RowForm } from '../columns.js';
import { answersOf } from './answers.js';
import { chatOf } from './chats.js';
import { entitiesOf } from './entities.js';
import type { FieldKind, FieldValues } from './record.js';
import type { Row } from './row.js';

export interface FormValues {
  values: Readonly<Record<string, FieldValues[FieldKind]>>;
  /** What the row was taken for, where it is not plain columns. */
  said?: string | undefined;
}

const forms = { entities: entitiesOf, answers: answersOf, chats: chatOf };

/**
 * @param wanted roles of the columns that are read
 * @throws DataError for a row of none of the forms, and values that cannot be used
 */
export const readForm = (
  { kind, names }: RowForm,
  row: Row,
  place: string,
  wanted: readonly string[] = Object.keys(names),
): FormValues => forms[kind](row, names, place, wanted);
