// Runs in a thread of a pool: copies the tensors into a snapshot, has its quiet thread write it, and reads checkpoints
// back. The copy is made here, at normal priority, because the run stands still until it is done.

import { workerData } from 'node:worker_threads';
import { builtFile } from '../built.js';
import { type Outcome, outcomeOf } from '../errors.js';
import { encodeHeader } from '../files/safetensors.js';
import { lowPriorityThread } from '../threads/low-priority.js';
import { serve } from '../threads/serve.js';
import { type PostedSource, received, sourcesOf, type TensorFile, tensorFiles } from './files.js';
import { fillFrom } from './load.js';
import type { WriteTask } from './write.js';

export type WriteRequest = Omit<WriteTask, 'tensors'>;

const sources = (workerData as readonly PostedSource[]).map(received);

let snapshot: Record<TensorFile, SharedArrayBuffer> | undefined;
let write: ((task: WriteTask) => Promise<Outcome<void>>) | undefined;

/** Copies every source, file by file without gaps, as the files will have them. */
function take(): void {
  snapshot ??= allocate();
  for (const file of tensorFiles) {
    const copy = new Float32Array(snapshot[file]);
    let offset = 0;
    for (const { data } of sourcesOf(sources, file)) {
      copy.set(data, offset);
      offset += data.length;
    }
  }
}

/** Writes the snapshot taken last. */
async function writeSnapshot(request: WriteRequest): Promise<Outcome<void>> {
  if (!snapshot) throw new Error('no snapshot has been taken in this worker');
  const { step } = request;
  const part = (file: TensorFile): WriteTask['tensors'][TensorFile] => [
    encodeHeader(sourcesOf(sources, file), { writer: 'ortune', step: `${step}` }),
    snapshot![file],
  ];
  const tensors = {
    'model.safetensors': part('model.safetensors'),
    'optimizer.safetensors': part('optimizer.safetensors'),
  };
  write ??= await lowPriorityThread<WriteTask, Outcome<void>>(builtFile('checkpoint/checkpoint-thread.js'));
  return write({ ...request, tensors });
}

/** Fills the sources from the checkpoint at `path`; its state. */
const load = (path: string): Promise<Outcome<object>> => outcomeOf(() => fillFrom(path, sources));

function allocate(): Record<TensorFile, SharedArrayBuffer> {
  const sized = (file: TensorFile): SharedArrayBuffer => {
    const bytes = sourcesOf(sources, file).reduce((sum, { data }) => sum + data.byteLength, 0);
    return new SharedArrayBuffer(bytes);
  };
  return { 'model.safetensors': sized('model.safetensors'), 'optimizer.safetensors': sized('optimizer.safetensors') };
}

serve({ take, writeSnapshot, load });
