// What a checkpoint consists of and where checkpoints lie in a run directory. Names starting with a dot are work in
// progress: `.step-N.partial` is being written, `.step-N.removed` is being deleted, and `.step-N.replaced` is the old
// checkpoint of a step that is written again; it counts as the checkpoint of its step as long as there is no other.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../errors.js';

/** The files that hold tensors. */
export const tensorFiles = ['model.safetensors', 'optimizer.safetensors'] as const;
export type TensorFile = (typeof tensorFiles)[number];
export const stateFile = 'state.json';
export const sumsFile = 'SHA256SUMS';
/** The files that SHA256SUMS vouches for, in its order. */
export const summedFiles = [...tensorFiles, stateFile] as const;

/** Version of state.json's form, `{format, step, state}`. */
export const stateFormat = 1;

/** A tensor that goes into checkpoints and comes back from them, in place. */
export interface CheckpointSource {
  readonly file: 'model' | 'optimizer';
  /** In the safetensors file; unique within it. */
  readonly name: string;
  /** Over a SharedArrayBuffer. */
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/**
 * A source as it is posted to a thread. It has the buffer, not a view: a posted view loses what lies beyond 4 GiB (V8
 * sends 32 bits of its offset and length).
 */
export type PostedSource = Omit<CheckpointSource, 'data'> & {
  readonly buffer: SharedArrayBuffer;
  /** In bytes. */
  readonly offset: number;
  /** In elements. */
  readonly length: number;
};

export const posted = ({ data, ...source }: CheckpointSource): PostedSource => ({
  ...source,
  buffer: data.buffer as SharedArrayBuffer,
  offset: data.byteOffset,
  length: data.length,
});

export const received = ({ buffer, offset, length, ...source }: PostedSource): CheckpointSource => ({
  ...source,
  data: new Float32Array(buffer, offset, length),
});

export const sourcesOf = (sources: readonly CheckpointSource[], file: TensorFile): CheckpointSource[] =>
  sources.filter((source) => `${source.file}.safetensors` === file);

/** Where a run directory has its checkpoints. */
export const checkpointsOf = (run: string): string => join(run, 'checkpoints');

export const stepName = (step: number): string => `step-${step}`;

export type Remains = 'partial' | 'replaced' | 'removed';
export const remainsName = (step: number, kind: Remains): string => `.step-${step}.${kind}`;

export interface Checkpoint {
  readonly path: string;
  readonly step: number;
}

/** Checkpoints and work in progress among the names of a directory, ascending by step. */
export function sortNames(names: readonly string[]): {
  checkpoints: { name: string; step: number }[];
  remains: { name: string; step: number; kind: Remains }[];
} {
  const checkpoints: { name: string; step: number }[] = [];
  const remains: { name: string; step: number; kind: Remains }[] = [];
  for (const name of names) {
    const [, digits] = /^step-(0|[1-9]\d{0,14})$/.exec(name) ?? [];
    if (digits !== undefined) checkpoints.push({ name, step: Number(digits) });
    const [, of, kind] = /^\.step-(0|[1-9]\d{0,14})\.(partial|replaced|removed)$/.exec(name) ?? [];
    if (of !== undefined) remains.push({ name, step: Number(of), kind: kind as Remains });
  }
  const present = new Set(checkpoints.map(({ step }) => step));
  for (const { name, step, kind } of remains)
    if (kind === 'replaced' && !present.has(step)) checkpoints.push({ name, step });
  checkpoints.sort((a, b) => a.step - b.step);
  return { checkpoints, remains };
}

/**
 * The checkpoints in a directory, ascending by step, unverified; none where there is no such directory.
 * @throws UsageError when it cannot be read
 */
export async function listCheckpoints(directory: string): Promise<Checkpoint[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new UsageError(`${directory} cannot be read: ${error.message}`);
  });
  return sortNames(names).checkpoints.map(({ name, step }) => ({ path: join(directory, name), step }));
}
