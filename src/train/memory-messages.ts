// What is said of the memory that a run needs: before its first step, and when it did not suffice.

import { formatBytes } from '../format.js';
import { activationBytes, type Batches, batchesWithin, bytesFor, type MemoryNeed } from './memory-need.js';

export interface Memory {
  need: MemoryNeed;
  batches: Batches;
  /** Of the largest batch, as the model reads it: [16, 512]. */
  shape: readonly number[];
  /** That the run may use at most, as its configuration says. */
  limit?: number | undefined;
  /** That the device has for it, where that is known. */
  capacity?: number | undefined;
  /** The need with `recompute: layers`, where the run is without and it is worth it. */
  again?: MemoryNeed | undefined;
}

/** Less than this share of what failed is clearly less: an estimate may be off by a fifth. */
const clearlyLess = 0.6;

const about = (bytes: number): string => `about ${formatBytes(bytes)}`;

/** 'needs about 6.10 GB (weights and optimizer 1.20 GB, activations 4.90 GB for batches of 16 x 512)' */
export function needWords({ need, batches, shape }: Memory): string {
  const activations = activationBytes(need, batches.batchSize);
  const all = bytesFor(need, batches);
  const parts = [
    `weights and optimizer ${formatBytes(all - need.beside - activations)}`,
    `activations ${formatBytes(activations)} for batches of ${shape.join(' x ')}`,
    `${formatBytes(need.beside)} beside`,
  ];
  return `needs ${about(all)} of memory (${parts.join(', ')})`;
}

/** What to do where `bytes` do not suffice: 'batchSize 12 fits in 4 GB: set …'. */
export function adviceWithin({ need, batches, again }: Memory, bytes: number): string {
  const fitting = batchesWithin(need, bytes, batches);
  const recomputed = again && bytesFor(again, batches);
  const layers = recomputed !== undefined && recomputed <= bytes ? `recompute to layers (${about(recomputed)})` : '';
  if (fitting)
    return `batchSize ${fitting.batchSize} fits in ${formatBytes(bytes)}: ${setTo(fitting)}${layers && `, or ${layers}`}`;
  const one = { batchSize: 1, gradientAccumulationSteps: batches.batchSize * batches.gradientAccumulationSteps };
  const even = `even batchSize 1 needs ${about(bytesFor(need, one))}, more than ${formatBytes(bytes)}`;
  if (layers) return `${even}: set ${layers}`;
  const least = again && bytesFor(again, one);
  const fits = least !== undefined && least <= bytes && batchesWithin(again!, bytes, batches);
  if (fits) return `${even}: set recompute to layers with ${settings(fits)} (${about(bytesFor(again!, fits))})`;
  return (
    `${even}${least === undefined ? '' : `, and with recompute layers ${about(least)}`}: ` +
    'lower maxLength or the size of the images, freeze more of the model, or take a smaller one'
  );
}

const settings = ({ batchSize, gradientAccumulationSteps: steps }: Batches): string =>
  `batchSize ${batchSize}${steps > 1 ? ` and gradientAccumulationSteps ${steps}` : ''}`;

const setTo = ({ batchSize, gradientAccumulationSteps }: Batches): string =>
  `set batchSize to ${batchSize} and gradientAccumulationSteps to ${gradientAccumulationSteps}`;

/** What to set after a batch for which memory did not suffice. */
export function adviceAfter(memory: Memory): string {
  const { need, batches, again, capacity = Number.POSITIVE_INFINITY } = memory;
  const failed = bytesFor(need, batches);
  const fixed = failed - activationBytes(need, batches.batchSize);
  const bytes = Math.min(capacity, fixed + clearlyLess * (failed - fixed));
  const fewer = batchesWithin(need, bytes, batches);
  const layers = again ? [`recompute to layers (${about(bytesFor(again, batches))})`] : [];
  const smaller =
    fewer && fewer.batchSize < batches.batchSize
      ? [
          `batchSize to ${fewer.batchSize} and gradientAccumulationSteps to ${fewer.gradientAccumulationSteps} (${about(bytesFor(need, fewer))})`,
        ]
      : [];
  const ways = [...smaller, ...layers, 'maxLength or the size of the images lower'];
  return `Such batches need ${about(failed)}. Set ${ways.join(', or ')}.`;
}
