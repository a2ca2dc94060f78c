// zod, loaded as CommonJS: its hundred files are then opened one after the other. Node opens what an ES module imports
// at once, which takes that many file handles, and longer.

import zod = require('zod');

export import z = zod.z;
