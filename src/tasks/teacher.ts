// Distillation: a part of a classifier's loss says how far its probabilities are from those of a teacher, a larger
// model that has learnt the task. Hinton, Vinyals and Dean, Distilling the Knowledge in a Neural Network (2015): both
// are softened by a temperature T, and T² makes up for the gradients that it shrinks. What the teacher says of a batch
// is fed to the graph (src/train/teacher.ts), which knows nothing else of it.

import type { FieldKit } from '../config/fields.js';
import type { TargetKind } from '../data/images/targets.js';
import type { Field } from '../data/slots.js';
import type { Builder } from '../onnx/builder.js';
import type { Value } from '../onnx/graph.js';
import { taskInput } from './inputs.js';
import type { TaskConfig } from './task.js';

/** How a teacher's logits come into the loss; JSON. */
export interface TeacherOptions {
  teacher?: {
    /** Logits of both are divided by it. */
    temperature: number;
    /** Share of the loss that is the teacher's; the rest is that of the labels. */
    weight: number;
  };
}

/** The input with the teacher's logits [B, C]. */
export const teacherLogits = 'teacher_logits';

const usual = { temperature: 2, weight: 0.5 };

export const teacherFields = ({ z, about, place }: FieldKit) => ({
  teacher: place
    .optional()
    .meta(
      about(
        'text-classification: a larger model of the same labels and tokenizer, whose probabilities are learnt beside the labels (distillation).',
        { value: 'MODEL', aliases: ['distill', 'distillation', 'teacher_model', 'teacher_name_or_path'] },
      ),
    ),
  teacherTemperature: z
    .number()
    .gt(0)
    .optional()
    .meta(
      about('With teacher: what the logits of both are divided by; default 2.', {
        aliases: ['temperature', 'distillation_temperature'],
      }),
    ),
  teacherWeight: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .meta(
      about("With teacher: its share of the loss, the rest is the labels'; default 0.5.", {
        aliases: ['distillation_alpha', 'alpha_distillation', 'distill_weight'],
      }),
    ),
});

export function teacherOf({ teacher, teacherTemperature, teacherWeight }: TaskConfig): TeacherOptions {
  if (teacher === undefined) return {};
  const { temperature, weight } = usual;
  return { teacher: { temperature: teacherTemperature ?? temperature, weight: teacherWeight ?? weight } };
}

export function* teacherContradictions(config: TaskConfig, targets: TargetKind): Generator<string> {
  if (config.teacher === undefined) {
    for (const key of ['teacherTemperature', 'teacherWeight'])
      if (config[key] !== undefined) yield `option '${key}' is for distillation: set teacher, or leave ${key} out`;
    return;
  }
  if (targets !== 'class' && targets !== 'probabilities')
    yield "option 'teacher' is for one class a text, whose probabilities add up to 1; leave it out";
}

export const teacherInputs = ({ teacher }: TeacherOptions, classes: number): Field[] =>
  teacher ? [{ name: teacherLogits, dtype: 'float32', shape: ['batch', classes] }] : [];

/**
 * (1 - weight) · `labels` + weight · T² · Σ sample weight · KL(p‖q), with p the softmax of the teacher's logits over T
 * and q that of `logits` [B, C]; `labels`: the summed loss of the labels, `weights` [B].
 */
export function addTeacher(
  b: Builder,
  { logits, labels, weights }: { logits: Value; labels: Value; weights: Value },
  { temperature, weight }: NonNullable<TeacherOptions['teacher']>,
): { sum: Value; input: Value } {
  const input = taskInput(b, teacherLogits, 'float32', [...(b.shape(logits) as number[])]);
  const divisor = b.scalar('float32', temperature);
  const [p, q] = [input, logits].map((z) => b.op('LogSoftmax', [b.op('Div', [z, divisor])], { axis: 1 }));
  const terms = b.op('Mul', [b.op('Exp', [p!]), b.op('Sub', [p!, q!])]);
  const divergence = b.op('ReduceSum', [terms, b.ints([1])], { keepdims: 0 });
  const taught = b.op('ReduceSum', [b.op('Mul', [divergence, weights])], { keepdims: 0 });
  const parts: [Value, number][] = [
    [labels, 1 - weight],
    [taught, weight * temperature ** 2],
  ];
  const [own, its] = parts.map(([part, factor]) => b.op('Mul', [part, b.scalar('float32', factor)]));
  return { sum: b.op('Add', [own!, its!]), input };
}
