// Whether a run is another one made longer: then a checkpoint of the shorter one is its own, bit for bit. Length
// decides the course of the learning rate, and where the last evaluation falls; nothing else of a step knows of it.

import { type Schedule, scheduleFactor, scheduleOf } from '../optim/schedule.js';
import type { RunConfig } from './amounts.js';
import { keepsBest } from './best.js';

/** A number of optimizer steps of a whole run. */
type Steps = number;

/**
 * Why a run of `longer` steps, else with the options of one of `shorter`, has not its first `steps` steps; undefined
 * where it has. Of the schedules, constant has with warmupSteps (or a warmupRatio of 0), step and exponential with
 * scheduleStepSize besides.
 */
export function notPrefix(config: RunConfig, shorter: Steps, longer: Steps, steps: Steps): string | undefined {
  const decided = (['earlyStoppingPatience', 'reduceOnPlateauPatience'] as const).find((key) => config[key]);
  if (decided) return `${decided} counts evaluations, of which the shorter run has one more at its end`;
  if (keepsBest(config)) return 'loadBestModelAtEnd chooses among evaluations, of which the shorter run has one more';
  const [before, now] = [scheduleOf(config, shorter), scheduleOf(config, longer)];
  return sameUpTo(steps, before, now)
    ? undefined
    : `with schedule ${config.schedule}${config.schedule === 'constant' ? ' and warmupRatio' : ''} the learning rate depends on the length of the run`;
}

function sameUpTo(steps: Steps, one: Schedule, other: Schedule): boolean {
  for (let step = 0; step < steps; step++) if (scheduleFactor(one, step) !== scheduleFactor(other, step)) return false;
  return true;
}
