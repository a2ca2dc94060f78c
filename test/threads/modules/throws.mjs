// A module of a pool that cannot be loaded.

throw new Error('a module that throws');
