// Arguments of the recurrences of LSTM, GRU and RNN layers, one direction of one layer. The products of all
// inputs are there, biases included; a step multiplies the states before it by R and applies the cell. Steps
// follow each other, one call of a kernel each; a chunk is kUnits hidden units of all sequences: its part of
// the product and everything that follows for them, so threads meet once a step. Where a sequence has ended,
// or a reversed one has not begun, its state stands still, its output is 0 and no gradient arises.
#pragma once

#include "ops/kernels.h"

namespace ortune {

enum class Cell { kLstm, kGru, kTanh, kRelu };
static inline int64_t gates_of(Cell cell) { return cell == Cell::kLstm ? 4 : cell == Cell::kGru ? 3 : 1; }

constexpr int64_t kUnits = 16;     // a whole number of vectors in every instruction set
constexpr int64_t kUnitRows = 48;  // rows that are multiplied at a time: their sums stay in the L1 cache

/// What the sizes of both directions are, and the order of steps.
struct Sequence {
  Cell cell;
  int64_t steps, batch, hidden;
  bool reverse;
  const int32_t* lengths;  // [batch], or null: all steps
  /// The step that is the n-th to be taken, and the n-th last.
  int64_t at(int64_t n) const { return reverse ? steps - 1 - n : n; }
  int64_t gates() const { return gates_of(cell); }
  bool active(int64_t row, int64_t t) const { return !lengths || t < lengths[row]; }
};
static inline int64_t unit_blocks(int64_t hidden) { return ceil_div(hidden, kUnits); }

/// R [gates * hidden, hidden] in panels of kUnits units, zeros beyond the last: for the forward pass, for
/// every block and gate, [hidden][kUnits] of R transposed; for gradients, for every block,
/// [gates * hidden][kUnits].
struct RecurrentPack {
  const float* r;
  float* packed;  // packed_floats(args)
  int64_t gates, hidden;
  bool transposed;
};
static inline int64_t packed_floats(const RecurrentPack& a) {
  return unit_blocks(a.hidden) * a.gates * a.hidden * kUnits;
}
static inline int64_t chunks(const RecurrentPack& a) { return unit_blocks(a.hidden); }

/// One step. LSTM: i, o, f by sigmoid, c~ by tanh; c' = f c + i c~; h' = o tanh(c'). GRU: z and r by sigmoid,
/// n = tanh(x_n + r (R_n h + reset_bias)); h' = (1 - z) n + z h. Others: h' = tanh or ReLU of the sum.
/// Rows of [steps * batch] stand step after step.
struct Recurrence {
  Sequence of;
  const float* products;  // [steps * batch, gates * hidden]
  const float* packed;    // by recurrent_pack, transposed
  const float* h0;        // [batch, hidden] each, or null: zeros
  const float* c0;
  const float* reset_bias;  // [hidden], or null
  float* all;               // [steps * batch, hidden]: h', 0 in padding
  float *h, *c;             // [batch, hidden]: behind the last step; c of an LSTM; may be null
  float* gates;             // [steps * batch, gates * hidden], activated; unused where the cell has one gate
  float* cells;   // [steps * batch, hidden]: c' of an LSTM, R_n h + reset_bias of a GRU; else unused
  float* before;  // [steps * batch, hidden]: h before each step
  int64_t n;      // the step is of.at(n)
};
static inline int64_t chunks(const Recurrence& a) { return unit_blocks(a.of.hidden); }

/// Gradients of one step, taken from the last one on; n == of.steps gives those of the states before the
/// first.
struct RecurrenceGrad {
  Sequence of;
  const float *gates, *cells, *all, *before, *c0;  // as above; `all` of cells with one gate only
  const float* packed;                             // by recurrent_pack, not transposed
  const float* dall;                               // [steps * batch, hidden], or null
  float* dproducts;                                // [steps * batch, gates * hidden]
  float* drecurrent;  // of a GRU: the gradient of R h instead of that of products; else dproducts
  float *dh,
      *dc;    // [batch, hidden]: of the states behind the last step at first, before the first in the end
  int64_t n;  // the step is of.at(of.steps - 1 - n)
};
static inline int64_t chunks(const RecurrenceGrad& a) { return unit_blocks(a.of.hidden); }

}  // namespace ortune
