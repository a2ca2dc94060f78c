// Writing on from prompts with a saved model, by the transformers library in a thread of its own: what users will run
// is what is measured and shown. Greedy, token by token with the file's cache.

import { builtFile } from '../../built.js';
import { ModelError } from '../../errors.js';
import { messageOf } from '../../realm.js';
import { WorkerPool } from '../../threads/worker-pool.js';
import type { SavedFiles } from '../task.js';
import { missingLibrary, transformersInstalled } from './library.js';

/** A decoder goes on with prompts; one of a sequence writes by what its encoder read. */
export type ModelKind = 'decoder' | 'sequence';

/** How a model is made to write. */
export interface Writer {
  kind: ModelKind;
  /**
   * Of a sequence: the token that the decoder starts with, and the one that it writes first; default the model's own.
   */
  start?: number | undefined;
  forced?: number | undefined;
}

export interface GenerateRequest extends Writer {
  /** Model directory. */
  directory: string;
  /** Token ids of each prompt. */
  prompts: readonly (readonly number[])[];
  maxNewTokens: number;
  threads: number | undefined;
}

export interface Generated {
  /** Of what was written, without the token that ends it. */
  ids: number[];
  /** Whether the model ended the text. */
  finished: boolean;
}

const pools = new WeakMap<object, WorkerPool>();

/**
 * What follows each prompt, or is written of each source. @throws ModelError where the library cannot open the model
 */
export async function generate(saved: SavedFiles, request: Omit<GenerateRequest, 'directory'>): Promise<Generated[]> {
  const pool = pools.get(saved) ?? opened(saved);
  try {
    return await pool.run<Generated[]>({ ...request, directory: saved.directory } satisfies GenerateRequest);
  } catch (error) {
    if (!transformersInstalled()) throw new ModelError(`${saved.path}: ${missingLibrary}`);
    throw new ModelError(
      `${saved.path}: the transformers library cannot write with the model: ${messageOf(error)}. It opens a directory ` +
        'with config.json and the files in onnx/',
    );
  }
}

function opened(saved: SavedFiles): WorkerPool {
  const pool = new WorkerPool({ url: builtFile('tasks/causal/generate-worker.js'), role: 'that writes texts' });
  pools.set(saved, pool);
  saved.onClose(() => pool.destroy());
  return pool;
}
