// Steps of recurrent layers and of their gradients: see recurrent.h.
#include "ops/recurrent.h"

#include "ops/gemm_tile.h"
#include "simd/math.h"

namespace ortune::ORTUNE_ISA {
namespace {

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

/// The sums of a block of rows, [kUnitRows][kUnits].
using Sums = float[kUnitRows * kUnits];

/// Calls f(first, rows) for blocks of rows that are as even as they can be.
template <class F>
void row_blocks(int64_t batch, F f) {
  int64_t left = ceil_div(batch, kUnitRows);
  for (int64_t first = 0, rows; first < batch; first += rows, --left) {
    rows = ceil_div(batch - first, left);
    f(first, rows);
  }
}

/// Of one row of a step and kUnits units, or those there are: where its values lie in each tensor.
struct Places {
  int64_t unit;   // in [hidden]
  int64_t state;  // in [batch, hidden]
  int64_t value;  // in [steps * batch, hidden]
  int64_t gate;   // in [steps * batch, gates * hidden], of the first gate; the others are `hidden` further on
  int64_t behind;  // as `value`, in the step that follows, or -1
};

Places places(const Sequence& of, int64_t n, int64_t row, int64_t unit) {
  const int64_t at = of.at(n) * of.batch + row;
  const int64_t behind = n + 1 < of.steps ? of.at(n + 1) * of.batch + row : -1;
  return {unit, row * of.hidden + unit, at * of.hidden + unit, at * of.gates() * of.hidden + unit,
          behind < 0 ? -1 : behind * of.hidden + unit};
}

template <class Part>
F32 load_or_zero(const float* p, int64_t at, Part part) {
  return p ? load(p + at, part) : F32{};
}

/// The cell of one vector: h' from the products of its gates, what gradients need being kept.
template <class Part>
F32 lstm(const Recurrence& a, const Places& p, const float* const* sums, int64_t i, F32 before_c, Part part) {
  const int64_t H = a.of.hidden, at = p.gate + i;
  F32 gate[4];
  for (int g = 0; g < 4; ++g) {
    const F32 z = load(a.products + at + g * H, part) + load(sums[g] + i, Full{});
    gate[g] = g < 3 ? sigmoid(z) : tanh(z);
    store(a.gates + at + g * H, gate[g], part);
  }
  const F32 c = gate[2] * before_c + gate[0] * gate[3];
  store(a.cells + p.value + i, c, part);
  return gate[1] * tanh(c);
}

template <class Part>
F32 gru(const Recurrence& a, const Places& p, const float* const* sums, int64_t i, F32 before_h, Part part) {
  const int64_t H = a.of.hidden, at = p.gate + i;
  const F32 z = sigmoid(load(a.products + at, part) + load(sums[0] + i, Full{}));
  const F32 r = sigmoid(load(a.products + at + H, part) + load(sums[1] + i, Full{}));
  const F32 term = load(sums[2] + i, Full{}) + load_or_zero(a.reset_bias, p.unit + i, part);
  const F32 n = tanh(load(a.products + at + 2 * H, part) + r * term);
  store(a.gates + at, z, part);
  store(a.gates + at + H, r, part);
  store(a.gates + at + 2 * H, n, part);
  store(a.cells + p.value + i, term, part);
  return n + z * (before_h - n);
}

/// One row of a step: kUnits units, or those there are.
void row_of_step(const Recurrence& a, int64_t row, int64_t unit, const float* const* sums) {
  const Sequence& of = a.of;
  const Places p = places(of, a.n, row, unit);
  const bool active = of.active(row, of.at(a.n));
  const bool last = a.n + 1 == of.steps;
  const int64_t earlier = a.n > 0 ? of.at(a.n - 1) * of.batch * of.hidden + p.state : -1;
  each(smaller(kUnits, of.hidden - unit), [&](int64_t i, auto part) {
    const F32 before_h = load(a.before + p.value + i, part);
    F32 before_c = {};
    if (of.cell == Cell::kLstm)
      before_c = earlier < 0 ? load_or_zero(a.c0, p.state + i, part) : load(a.cells + earlier + i, part);
    F32 h = before_h;
    if (active) {
      switch (of.cell) {
        case Cell::kLstm:
          h = lstm(a, p, sums, i, before_c, part);
          break;
        case Cell::kGru:
          h = gru(a, p, sums, i, before_h, part);
          break;
        default: {
          const F32 z = load(a.products + p.gate + i, part) + load(sums[0] + i, Full{});
          h = of.cell == Cell::kTanh ? tanh(z) : at_least(z, 0.0f);
        }
      }
    } else {
      if (a.cells) store(a.cells + p.value + i, before_c, part);
      for (int64_t g = 0; a.gates && g < of.gates(); ++g)
        store(a.gates + p.gate + g * of.hidden + i, F32{}, part);
    }
    store(a.all + p.value + i, active ? h : F32{}, part);
    if (!last) store(a.before + p.behind + i, h, part);
    if (!last) return;
    if (a.h) store(a.h + p.state + i, h, part);
    if (a.c) store(a.c + p.state + i, load(a.cells + p.value + i, part), part);
  });
}

}  // namespace

void recurrent_pack(const RecurrentPack& a, int64_t chunk) {
  const int64_t unit = chunk * kUnits, units = smaller(kUnits, a.hidden - unit);
  float* to = a.packed + chunk * a.gates * a.hidden * kUnits;
  if (!a.transposed) {
    for (int64_t k = 0; k < a.gates * a.hidden; ++k, to += kUnits) {
      for (int64_t u = 0; u < units; ++u) to[u] = a.r[k * a.hidden + unit + u];
      for (int64_t u = units; u < kUnits; ++u) to[u] = 0;
    }
    return;
  }
  for (int64_t g = 0; g < a.gates; ++g, to += a.hidden * kUnits) {
    const float* from = a.r + (g * a.hidden + unit) * a.hidden;
    for (int64_t k = 0; k < a.hidden; ++k) {
      for (int64_t u = 0; u < units; ++u) to[k * kUnits + u] = from[u * a.hidden + k];
      for (int64_t u = units; u < kUnits; ++u) to[k * kUnits + u] = 0;
    }
  }
}

void recurrent_step(const Recurrence& a, int64_t chunk) {
  const Sequence& of = a.of;
  const int64_t H = of.hidden, unit = chunk * kUnits, gates = of.gates();
  float* const before = a.before + of.at(a.n) * of.batch * H;
  if (a.n == 0)
    for (int64_t row = 0; row < of.batch; ++row)
      each(smaller(kUnits, H - unit), [&](int64_t i, auto part) {
        store(before + row * H + unit + i, load_or_zero(a.h0, row * H + unit + i, part), part);
      });
  // The states before the first step are written above a block at a time: all of them are h0.
  const float* const states = a.n == 0 ? a.h0 : before;
  Sums sums[4];
  row_blocks(of.batch, [&](int64_t first, int64_t rows) {
    for (int64_t g = 0; g < gates; ++g) {
      if (!states) {
        memset(sums[g], 0, sizeof(Sums));
        continue;
      }
      const float* const panel = a.packed + (chunk * gates + g) * H * kUnits;
      multiply({states + first * H, H, 1, panel, kUnits, sums[g], kUnits, rows, H, kUnits, false, nullptr});
    }
    for (int64_t r = 0; r < rows; ++r) {
      const float* of_row[4];
      for (int64_t g = 0; g < 4; ++g) of_row[g] = sums[g] + r * kUnits;
      row_of_step(a, first + r, unit, of_row);
    }
  });
}

namespace {

/// Gradients of one vector: dproducts, and what the state before gets beside the product with R.
template <class Part>
F32 lstm_grad(const RecurrenceGrad& a, const Places& p, int64_t earlier, int64_t i, F32 dh, Part part) {
  const int64_t H = a.of.hidden, at = p.gate + i;
  const F32 in = load(a.gates + at, part), out = load(a.gates + at + H, part),
            forget = load(a.gates + at + 2 * H, part), fresh = load(a.gates + at + 3 * H, part);
  const F32 before = earlier < 0 ? load_or_zero(a.c0, p.state + i, part) : load(a.cells + earlier + i, part);
  const F32 t = tanh(load(a.cells + p.value + i, part));
  const F32 dc = load(a.dc + p.state + i, part) + dh * out * (1.0f - t * t);
  store(a.dproducts + at, dc * fresh * in * (1.0f - in), part);
  store(a.dproducts + at + H, dh * t * out * (1.0f - out), part);
  store(a.dproducts + at + 2 * H, dc * before * forget * (1.0f - forget), part);
  store(a.dproducts + at + 3 * H, dc * in * (1.0f - fresh * fresh), part);
  store(a.dc + p.state + i, dc * forget, part);
  return F32{};
}

template <class Part>
F32 gru_grad(const RecurrenceGrad& a, const Places& p, int64_t i, F32 dh, Part part) {
  const int64_t H = a.of.hidden, at = p.gate + i;
  const F32 z = load(a.gates + at, part), r = load(a.gates + at + H, part),
            n = load(a.gates + at + 2 * H, part), term = load(a.cells + p.value + i, part),
            before = load(a.before + p.value + i, part);
  const F32 dz = dh * (before - n) * z * (1.0f - z);
  const F32 dn = dh * (1.0f - z) * (1.0f - n * n);
  const F32 dr = dn * term * r * (1.0f - r);
  for (int64_t of_r = 0; of_r < 2; ++of_r) {
    float* const to = (of_r ? a.drecurrent : a.dproducts) + at;
    store(to, dz, part);
    store(to + H, dr, part);
    store(to + 2 * H, of_r ? dn * r : dn, part);
  }
  return dh * z;
}

/// One row of a step; `sums` are those of the product with R, null at the first step that is taken.
void row_of_grad(const RecurrenceGrad& a, int64_t row, int64_t unit, const float* sums) {
  const Sequence& of = a.of;
  const int64_t H = of.hidden, n = of.steps - 1 - a.n;
  if (n < 0) {
    if (sums)
      each(smaller(kUnits, H - unit), [&](int64_t i, auto part) {
        float* const dh = a.dh + row * H + unit + i;
        store(dh, load(dh, part) + load(sums + i, Full{}), part);
      });
    return;
  }
  const Places p = places(of, n, row, unit);
  const int64_t earlier = n > 0 ? of.at(n - 1) * of.batch * H + p.state : -1;
  const bool active = of.active(row, of.at(n));
  each(smaller(kUnits, H - unit), [&](int64_t i, auto part) {
    F32 dh = load(a.dh + p.state + i, part);
    if (sums) dh += load(sums + i, Full{});
    if (!active) {
      store(a.dh + p.state + i, dh, part);
      for (int64_t g = 0; g < of.gates(); ++g) {
        store(a.dproducts + p.gate + g * H + i, F32{}, part);
        store(a.drecurrent + p.gate + g * H + i, F32{}, part);
      }
      return;
    }
    dh += load_or_zero(a.dall, p.value + i, part);
    F32 held = {};
    if (of.cell == Cell::kLstm) {
      held = lstm_grad(a, p, earlier, i, dh, part);
    } else if (of.cell == Cell::kGru) {
      held = gru_grad(a, p, i, dh, part);
    } else {
      const F32 y = load(a.all + p.value + i, part);
      const F32 slope = of.cell == Cell::kTanh ? 1.0f - y * y : (y > F32{} ? set(1.0f) : F32{});
      store(a.dproducts + p.gate + i, dh * slope, part);
    }
    store(a.dh + p.state + i, held, part);
  });
}

}  // namespace

void recurrent_grad_step(const RecurrenceGrad& a, int64_t chunk) {
  const Sequence& of = a.of;
  const int64_t unit = chunk * kUnits, depth = of.gates() * of.hidden;
  const float* const behind = a.n > 0 ? a.drecurrent + of.at(of.steps - a.n) * of.batch * depth : nullptr;
  const float* const panel = a.packed + chunk * depth * kUnits;
  Sums sums;
  row_blocks(of.batch, [&](int64_t first, int64_t rows) {
    if (behind)
      multiply({behind + first * depth, depth, 1, panel, kUnits, sums, kUnits, rows, depth, kUnits, false,
                nullptr});
    for (int64_t r = 0; r < rows; ++r) row_of_grad(a, first + r, unit, behind ? sums + r * kUnits : nullptr);
  });
}

}  // namespace ortune::ORTUNE_ISA
