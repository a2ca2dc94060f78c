import { defineConfig } from 'vitest/config';

/** Folders of test/, and files beside them. */
const under = (...names: string[]): string[] =>
  names.map((name) => (name.endsWith('.ts') ? `test/${name}` : `test/${name}/**/*.test.ts`));

const unit = under(
  ...[
    'advise',
    'autodiff',
    'check',
    'config',
    'files',
    'heads',
    'lower',
    'metrics',
    'onnx',
    'optim',
    'report',
    'tasks',
  ],
  ...['search/trials.test.ts', 'search/halving.test.ts', 'search/importance.test.ts', 'search/markdown.test.ts'],
  'statistics.test.ts',
);
const run = under('bench', 'cli', 'commands', 'compare', 'search/search.test.ts', 'train', 'trunk');
const goldens = under('*goldens*.test.ts');

// Tests import the built code through '#ortune/…', so worker threads and the addon are the real ones. A process is one
// file's, since the runtime is process-wide state and load orders are part of what is tested; but those of `unit` share one,
// which saves a third of their time. `npx vitest run --project unit` runs one of the four.
export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    // Built code is loaded by Node itself, as by users' programs.
    server: { deps: { external: [/\/dist\/.*\.js$/] } },
    reporters: ['default', './test/support/slowest-files.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: unit, isolate: false } },
      { extends: true, test: { name: 'run', include: run } },
      { extends: true, test: { name: 'goldens', include: goldens } },
      // What starts threads or processes, or calls the addon: the rest, so that no file is left out.
      {
        extends: true,
        test: { name: 'addon', include: ['test/**/*.test.ts'], exclude: [...unit, ...run, ...goldens] },
      },
    ],
  },
});
