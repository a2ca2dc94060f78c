// Trains where globals are a browser's, as in a page of Electron: timers are numbers, without Node's methods.

for (const name of ['Timeout', 'Interval', 'Immediate']) {
  const [set, clear] = [globalThis[`set${name}`], globalThis[`clear${name}`]];
  const timers = new Map();
  globalThis[`set${name}`] = (...given) => {
    timers.set(timers.size + 1, set(...given));
    return timers.size;
  };
  globalThis[`clear${name}`] = (number) => clear(timers.get(number));
}
delete globalThis.global;
Object.defineProperty(process, 'type', { value: 'renderer' });

const { trainOnSpam } = await import('../program/spam.mjs');
console.log(JSON.stringify(await trainOnSpam()));
