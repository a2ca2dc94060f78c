// What a configuration says of a training run only when its data are looked at: the parts of a data set whose root it
// names, and the task.

import { partsIn } from '../data/images/parts.js';
import { type TaskName, withTask } from '../tasks/tasks.js';

/**
 * The configuration with the folders of a data set's root in place of the root, and with a task. What it names itself
 * stands.
 */
export const resolved = <C extends object>(config: C): C & { task: TaskName } => withTask(withParts(config));

function withParts<C extends object>(config: C): C {
  const { train, labelNames, evalSplit, ...given } = config as { [key: string]: unknown };
  const [root, more] = Array.isArray(train) ? train : [];
  if (typeof root !== 'string' || more !== undefined) return config;
  const parts = partsIn(root, Array.isArray(labelNames) ? labelNames : []);
  if (!parts) return config;
  const evaluation = given.eval ?? (evalSplit === undefined && parts.eval ? [parts.eval] : undefined);
  const test = given.test ?? (parts.test ? [parts.test] : undefined);
  return {
    ...config,
    train: [parts.train],
    ...(evaluation !== undefined && { eval: evaluation }),
    ...(test !== undefined && { test }),
  };
}
