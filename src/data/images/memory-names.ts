// What pictures in memory are called where files have paths; the name of the option follows.

export const memoryPrefix = 'memory:';
