// Trains, whatever the process is.

import { trainOnSpam } from '../program/spam.mjs';

console.log(JSON.stringify(await trainOnSpam()));
