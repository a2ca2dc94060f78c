import { trainOnSpam } from '../program/spam.mjs';

trainOnSpam().then((result) => console.log(JSON.stringify(result)));
