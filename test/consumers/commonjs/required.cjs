// Where Node requires ES modules (20.19, 22.12 and later).

const { OrtuneError, Trainer } = require('ortune');

if (typeof Trainer !== 'function') throw new Error('there is no Trainer');
try {
  new Trainer({});
} catch (error) {
  console.log(JSON.stringify({ isOurs: error instanceof OrtuneError, isError: error instanceof Error }));
}
