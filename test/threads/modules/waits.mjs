// A module of a pool that is never ready, and does nothing.

setInterval(() => {}, 1e6);
await new Promise(() => {});
