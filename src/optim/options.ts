// What an optimizer is told: its method, and the rates of each group of parameters.

export interface AdamWOptions {
  name: 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

export interface SgdOptions {
  name: 'sgd';
  momentum: number;
  nesterov: boolean;
}

export type OptimizerOptions = AdamWOptions | SgdOptions;

/** What is the same for all parameters of a group; `learningRate` is multiplied by the schedule's factor. */
export interface GroupOptions {
  learningRate: number;
  weightDecay: number;
}

/** A run of consecutive arena elements with one set of options. */
export interface ParameterRange extends GroupOptions {
  start: number;
  end: number;
}
