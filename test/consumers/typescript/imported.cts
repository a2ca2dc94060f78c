// A CommonJS module in TypeScript: types come by import type, the library by import().

import type { TrainResult } from 'ortune' with { 'resolution-mode': 'import' };

export async function train(): Promise<TrainResult<'text-classification'>> {
  const { Trainer } = await import('ortune');
  const options = { model: 'models/tiny-en', train: 'train.jsonl', output: 'runs/first' };
  return new Trainer({ ...options, task: 'text-classification' }).run();
}
