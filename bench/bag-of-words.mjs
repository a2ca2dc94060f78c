// How far word counts alone get: the honest baseline of a text classifier that has been trained for minutes, as
// `ortune advise` measures it. Runs as a worker thread, so that the event loop of who asks stays free.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { wordVectors } from '../dist/advise/bag-of-words.js';
import { fitLogistic } from '../dist/advise/logistic-regression.js';

function accuracyOf({ train, test }) {
  const labels = [...new Set(train.map(({ label }) => label))].sort();
  const words = wordVectors(train.map(({ text }) => text));
  const classify = fitLogistic(
    train.map(({ text }) => words.of(text)),
    train.map(({ label }) => labels.indexOf(label)),
    { classes: labels.length, size: words.size },
  );
  const right = test.filter(({ text, label }) => {
    const found = classify(words.of(text));
    return labels[found.indexOf(Math.max(...found))] === label;
  });
  return right.length / test.length;
}

/**
 * The share of `test` that a bag of words learnt from `train` labels right.
 * @param {readonly { text: string, label: string }[]} train
 * @param {readonly { text: string, label: string }[]} test
 * @returns {Promise<number>}
 */
export function bagOfWords(train, test) {
  return new Promise((done, fail) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { bagOfWords: { train, test } } });
    worker.once('message', done);
    worker.once('error', fail);
  });
}

if (!isMainThread && workerData?.bagOfWords) parentPort.postMessage(accuracyOf(workerData.bagOfWords));
