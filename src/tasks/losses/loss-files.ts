// Loads what reads loss files, in the threads that need it: reading ONNX takes modules that a thread which only writes
// batches, or a command that only shows its help, should not load.

type Module = typeof import('./loss-file.js');

let loaded: Module | undefined;

export async function loadLossFiles(): Promise<void> {
  loaded ??= await import('./loss-file.js');
}

/** SHA-256 in hex over files of losses with their external data; undefined of none. */
export const hashOfLossFiles = (paths: readonly string[]): string | undefined =>
  paths.length === 0 ? undefined : lossFiles().hashOfFiles(paths);

export function lossFiles(): Module {
  if (!loaded) throw new Error('the task has not been loaded in this thread');
  return loaded;
}
