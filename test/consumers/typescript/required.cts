// A CommonJS module in TypeScript where Node requires ES modules.

import ortune = require('ortune');

export const trainer = new ortune.Trainer({ model: 'models/tiny-en', train: 'train.jsonl', output: 'runs/first' });
