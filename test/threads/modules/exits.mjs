// A module of a pool that ends the thread while it is loaded.

process.exit(7);
