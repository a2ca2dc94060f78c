import { expect, test } from 'vitest';
import { Slot, slotLayout, slotStates } from '#ortune/data/slots.js';

const layout = slotLayout(
  [
    { name: 'input_ids', dtype: 'int64', shape: ['batch', 'tokens'] },
    { name: 'labels', dtype: 'int64', shape: ['batch'] },
    { name: 'sample_weights', dtype: 'float32', shape: ['batch'] },
  ],
  3,
  { tokens: { buckets: [4, 10] } },
);

test('fields lie 64-byte aligned behind the state', () => {
  expect(layout.fields.map((field) => field.offset)).toEqual([64, 320, 384]);
  expect(layout.byteLength).toBe(448);
});

test('views are over the shared memory, in the shape of the batch', () => {
  const slot = new Slot(layout);
  const views = slot.views({ tokens: 4 });
  expect(views.get('input_ids')!.shape).toEqual([3, 4]);
  expect(views.get('input_ids')!.data).toHaveLength(12);
  expect(views.get('sample_weights')!.shape).toEqual([3]);
  new Slot(layout, slot.buffer).views({ tokens: 4 }).get('sample_weights')!.data[1] = 0.5;
  expect(Array.from(views.get('sample_weights')!.data as Float32Array)).toEqual([0, 0.5, 0]);
});

const allowed =
  'free>filling filling>filled filling>free filled>bound filled>free bound>running bound>free running>bound running>free';

test('only legal steps from one state to another are taken', () => {
  const pathTo = {
    free: [],
    filling: ['filling'],
    filled: ['filling', 'filled'],
    bound: ['filling', 'filled', 'bound'],
  };
  for (const from of slotStates)
    for (const to of slotStates) {
      const slot = new Slot(layout);
      const path = from === 'running' ? [...pathTo.bound, 'running'] : pathTo[from];
      for (const state of path) slot.to(state as typeof from);
      if (allowed.split(' ').includes(`${from}>${to}`)) {
        new Slot(layout, slot.buffer).to(to);
        expect(slot.state).toBe(to);
      } else expect(() => slot.to(to)).toThrow(`slot is '${from}' and cannot become '${to}'`);
    }
});
