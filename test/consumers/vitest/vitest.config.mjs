const pools = ['forks', 'threads', 'vmForks', 'vmThreads'];
const test = { include: ['**/*.spec.mjs'], testTimeout: 120_000 };

export default { test: { projects: pools.map((pool) => ({ test: { ...test, name: pool, pool } })) } };
