// Loads what reads loss files, in the threads that need it: reading ONNX takes modules that a thread which only writes
// batches, or a command that only shows its help, should not load.

type Module = typeof import('./loss-file.js');

let loaded: Module | undefined;

export async function loadLossFiles(): Promise<void> {
  loaded ??= await import('./loss-file.js');
}

export function lossFiles(): Module {
  if (!loaded) throw new Error('the task has not been loaded in this thread');
  return loaded;
}
