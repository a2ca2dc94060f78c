// Errors a user can cause. The message says what was wrong, what was expected, what was found (file, line,
// node, parameter) and what to do; the command line prints it without a stack and exits with `exitCode`.

export class OrtuneError extends Error {
  override readonly name: string = 'OrtuneError';
  /** Exit code of the command line: 1 the work failed, 2 wrong usage. */
  readonly exitCode: number = 1;
}

/** Wrong options, configuration or arguments: nothing has been started. */
export class UsageError extends OrtuneError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** A model file that cannot be read, is damaged, or holds what ortune does not train. */
export class ModelError extends OrtuneError {
  override readonly name = 'ModelError';
}

/** A data file that cannot be read or does not hold what was asked for. */
export class DataError extends OrtuneError {
  override readonly name = 'DataError';
}
