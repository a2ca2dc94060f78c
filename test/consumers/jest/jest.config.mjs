export default { testEnvironment: 'node', testMatch: ['**/*.spec.mjs'], transform: {}, testTimeout: 120_000 };
