import { defineConfig } from 'vitest/config';

// Tests import the built code through '#ortune/…', so worker threads and the addon are the real ones.
// One process per file: the runtime is process-wide state, and load orders are part of what is tested.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 240_000,
    hookTimeout: 240_000,
    reporters: ['default', './test/support/slowest-files.ts'],
  },
});
