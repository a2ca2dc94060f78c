// What data in memory are called where files have paths: a prefix that says of what kind they are, and the name of the
// option. Pictures have a prefix of their own (images/memory-names.ts), by which their task is recognised.

export const rowsPrefix = 'rows:';
export const functionPrefix = 'function:';
/** Rows that are asked for by their numbers. */
export const accessPrefix = 'get:';
export const tensorsPrefix = 'tensors:';
/** The name of the option and the format of the bytes follow, as in a file's name. */
export const bytesPrefix = 'bytes:';
