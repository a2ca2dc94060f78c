// Kernels under every instruction set of the processor, down to the plain one; a set that it lacks is said to be not
// tested.

import { afterAll, beforeAll } from 'vitest';
import { addon, type InstructionSet, instructionSets } from '#ortune/runtime/native.js';
import { describeWhere } from './describe-where.js';

const here = addon().instructionSets();
/** Sets of the other architecture say nothing. */
const foreign: readonly InstructionSet[] =
  process.arch === 'arm64' ? ['avx2', 'avx512', 'avx512_bf16', 'amx'] : ['neon'];

/** Those with kernels of their own; all but the products of avx512_bf16 are those of avx512. */
const whole = instructionSets.filter((set) => set !== 'avx512_bf16');

/** describe() for each set, of tests that run in this process and its device's threads. */
export function describeInstructionSets(
  tests: (set: InstructionSet) => void,
  sets: readonly InstructionSet[] = whole,
): void {
  for (const set of sets.filter((name) => !foreign.includes(name))) {
    const missing = here.includes(set) ? undefined : `this processor, or this build, has no ${set}`;
    describeWhere(missing, `kernels of ${set}`, () => {
      const before = addon().instructionSet();
      beforeAll(() => addon().useInstructionSet(set));
      afterAll(() => addon().useInstructionSet(before));
      tests(set);
    });
  }
}
