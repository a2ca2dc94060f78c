// A reporter that says at the end of a run which files took longest, so that what makes the suite slow has names.

import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const shown = 25;

/** Seconds from loading a file to its last test. */
const secondsOf = (module: TestModule): number => {
  const { collectDuration, duration } = module.diagnostic();
  return (collectDuration + duration) / 1000;
};

export default class SlowestFiles implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (modules.length <= shown) return;
    const times = modules.map((module) => ({ file: relative(process.cwd(), module.moduleId), s: secondsOf(module) }));
    const total = times.reduce((sum, { s }) => sum + s, 0);
    const slowest = times.sort((a, b) => b.s - a.s).slice(0, shown);
    console.log(`\nslowest of ${times.length} files, which took ${total.toFixed(0)} s together:`);
    for (const { file, s } of slowest) console.log(`${s.toFixed(1).padStart(7)} s  ${file}`);
  }
}
