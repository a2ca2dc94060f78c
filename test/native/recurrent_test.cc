// Steps of LSTM, GRU and RNN layers and their gradients against the formulas in float64: odd sizes, both
// orders, sequences that end early, states given or not, and the bits under every order of chunks.
#include "ops/recurrent.h"

#include "harness.h"

namespace test {

using namespace ortune;

namespace {

struct Case {
  Cell cell;
  int64_t steps, batch, hidden;
  bool reverse, lengths, states;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (Cell cell : {Cell::kLstm, Cell::kGru, Cell::kTanh, Cell::kRelu})
    for (const Case& s :
         {Case{cell, 1, 1, 1, false, false, false}, Case{cell, 4, 3, 7, false, true, true},
          Case{cell, 5, 2, 17, true, true, true}, Case{cell, 3, 50, 16, true, false, false},
          Case{cell, 2, 101, 33, false, false, true}, Case{cell, 7, 5, 48, true, true, false}})
      all.push_back(s);
  return all;
}

std::string label(const Target& target, const Case& s) {
  std::string text = target.name + " recurrent";
  for (int64_t n :
       {static_cast<int64_t>(s.cell), s.steps, s.batch, s.hidden, static_cast<int64_t>(s.reverse)})
    text += " " + std::to_string(n);
  return text;
}

/// All tensors of a case; `offset` as in Floats.
struct Tensors {
  const Case& s;
  const int64_t G, state, value, gate;
  std::vector<int32_t> lengths;
  Floats r, products, h0, c0, bias, all, h, c, gates, cells, before, dall, dproducts, drecurrent, dh, dc;
  std::vector<float> right, left;

  Tensors(const Case& s, int offset)
      : s(s),
        G(gates_of(s.cell)),
        state(s.batch * s.hidden),
        value(s.steps * state),
        gate(value * G),
        r(G * s.hidden * s.hidden, offset),
        products(gate, offset),
        h0(state, offset),
        c0(state, offset),
        bias(s.hidden, offset),
        all(value, offset),
        h(state, offset),
        c(state, offset),
        gates(gate, offset),
        cells(value, offset),
        before(value, offset),
        dall(value, offset),
        dproducts(gate, offset),
        drecurrent(gate, offset),
        dh(state, offset),
        dc(state, offset) {
    r.fill(1, 1 / sqrt(static_cast<double>(s.hidden)));
    products.fill(2);
    h0.fill(3, 0.5);
    c0.fill(4, 0.5);
    bias.fill(5, 0.5);
    dall.fill(6);
    dh.fill(7);
    dc.fill(8);
    for (int64_t b = 0; b < s.batch; ++b) lengths.push_back(static_cast<int32_t>(1 + (b * 5 + 2) % s.steps));
  }

  Sequence sequence() const {
    return {s.cell, s.steps, s.batch, s.hidden, s.reverse, s.lengths ? lengths.data() : nullptr};
  }
  const float* pack(const Target& target, Order order, bool transposed, std::vector<float>& to) {
    RecurrentPack args{r.data(), nullptr, G, s.hidden, transposed};
    to.assign(static_cast<size_t>(packed_floats(args)), NAN);
    args.packed = to.data();
    run(order, target.kernels.recurrent_pack, args);
    return to.data();
  }
  void forward(const Target& target, Order order) {
    const bool lstm = s.cell == Cell::kLstm;
    Recurrence a{sequence(),
                 products.data(),
                 pack(target, order, true, right),
                 s.states ? h0.data() : nullptr,
                 s.states && lstm ? c0.data() : nullptr,
                 s.states && s.cell == Cell::kGru ? bias.data() : nullptr,
                 all.data(),
                 h.data(),
                 lstm ? c.data() : nullptr,
                 gates.data(),
                 cells.data(),
                 before.data(),
                 0};
    for (a.n = 0; a.n < s.steps; ++a.n) run(order, target.kernels.recurrent_step, a);
  }
  void backward(const Target& target, Order order) {
    RecurrenceGrad a{sequence(),
                     gates.data(),
                     cells.data(),
                     all.data(),
                     before.data(),
                     s.states && s.cell == Cell::kLstm ? c0.data() : nullptr,
                     pack(target, order, false, left),
                     dall.data(),
                     dproducts.data(),
                     s.cell == Cell::kGru ? drecurrent.data() : dproducts.data(),
                     dh.data(),
                     dc.data(),
                     0};
    for (a.n = 0; a.n <= s.steps; ++a.n) run(order, target.kernels.recurrent_grad_step, a);
  }
};

using Doubles = std::vector<double>;
struct Reference {
  Doubles all, h, c, dproducts, drecurrent, dh, dc;
};

double logistic(double x) { return 1 / (1 + exp(-x)); }

/// One sequence after the other, whose steps are kept to go back through them.
Reference reference(Tensors& x) {
  const Case& s = x.s;
  const int64_t H = s.hidden, G = x.G;
  const auto size = [](int64_t n) { return static_cast<size_t>(n); };
  Reference out{Doubles(size(x.value)), Doubles(size(x.state)), Doubles(size(x.state)), Doubles(size(x.gate)),
                Doubles(size(x.gate)),  Doubles(size(x.state)), Doubles(size(x.state))};
  const Sequence of = x.sequence();
  for (int64_t b = 0; b < s.batch; ++b) {
    Doubles h(size(H)), c(size(H));
    for (int64_t u = 0; u < H; ++u) {
      h[size(u)] = s.states ? x.h0[b * H + u] : 0;
      c[size(u)] = s.states && s.cell == Cell::kLstm ? x.c0[b * H + u] : 0;
    }
    std::vector<Doubles> hs, cs, gs, terms;
    std::vector<int64_t> taken;
    for (int64_t n = 0; n < s.steps; ++n) {
      const int64_t t = of.at(n), row = t * s.batch + b;
      if (!of.active(b, t)) continue;
      Doubles sums(size(G * H)), gate(size(G * H)), term(size(H)), h2(size(H)), c2 = c;
      for (int64_t k = 0; k < G * H; ++k)
        for (int64_t u = 0; u < H; ++u) sums[size(k)] += x.r[k * H + u] * h[size(u)];
      for (int64_t u = 0; u < H; ++u) {
        const auto z = [&](int64_t g) { return x.products[row * G * H + g * H + u] + sums[size(g * H + u)]; };
        double* const g = &gate[size(u)];
        if (s.cell == Cell::kLstm) {
          for (int64_t k = 0; k < 3; ++k) g[k * H] = logistic(z(k));
          g[3 * H] = tanh(z(3));
          c2[size(u)] = g[2 * H] * c[size(u)] + g[0] * g[3 * H];
          h2[size(u)] = g[H] * tanh(c2[size(u)]);
        } else if (s.cell == Cell::kGru) {
          g[0] = logistic(z(0));
          g[H] = logistic(z(1));
          term[size(u)] = sums[size(2 * H + u)] + (s.states ? x.bias[u] : 0);
          g[2 * H] = tanh(x.products[row * G * H + 2 * H + u] + g[H] * term[size(u)]);
          h2[size(u)] = (1 - g[0]) * g[2 * H] + g[0] * h[size(u)];
        } else {
          g[0] = h2[size(u)] = s.cell == Cell::kTanh ? tanh(z(0)) : fmax(z(0), 0);
        }
        out.all[size(row * H + u)] = h2[size(u)];
      }
      hs.push_back(h);
      cs.push_back(c);
      gs.push_back(gate);
      terms.push_back(term);
      taken.push_back(t);
      h = h2;
      c = c2;
    }
    Doubles dh(size(H)), dc(size(H));
    for (int64_t u = 0; u < H; ++u) {
      out.h[size(b * H + u)] = h[size(u)];
      out.c[size(b * H + u)] = c[size(u)];
      dh[size(u)] = x.dh[b * H + u];
      dc[size(u)] = s.cell == Cell::kLstm ? x.dc[b * H + u] : 0;
    }
    Doubles after = c;
    for (size_t i = taken.size(); i-- > 0;) {
      const int64_t row = taken[i] * s.batch + b;
      Doubles dp(size(G * H)), dr(size(G * H)), before(size(H));
      for (int64_t u = 0; u < H; ++u) {
        const double* const g = &gs[i][size(u)];
        double *const p = &dp[size(u)], *const q = &dr[size(u)];
        const double d = dh[size(u)] + x.dall[row * H + u];
        if (s.cell == Cell::kLstm) {
          const double t = tanh(after[size(u)]), e = dc[size(u)] + d * g[H] * (1 - t * t);
          p[0] = e * g[3 * H] * g[0] * (1 - g[0]);
          p[H] = d * t * g[H] * (1 - g[H]);
          p[2 * H] = e * cs[i][size(u)] * g[2 * H] * (1 - g[2 * H]);
          p[3 * H] = e * g[0] * (1 - g[3 * H] * g[3 * H]);
          dc[size(u)] = e * g[2 * H];
          for (int64_t k = 0; k < 4; ++k) q[k * H] = p[k * H];
        } else if (s.cell == Cell::kGru) {
          const double n = d * (1 - g[0]) * (1 - g[2 * H] * g[2 * H]);
          p[0] = q[0] = d * (hs[i][size(u)] - g[2 * H]) * g[0] * (1 - g[0]);
          p[H] = q[H] = n * terms[i][size(u)] * g[H] * (1 - g[H]);
          p[2 * H] = n;
          q[2 * H] = n * g[H];
          before[size(u)] = d * g[0];
        } else {
          p[0] = q[0] = d * (s.cell == Cell::kTanh ? 1 - g[0] * g[0] : g[0] > 0);
        }
      }
      for (int64_t k = 0; k < G * H; ++k) {
        out.dproducts[size(row * G * H + k)] = dp[size(k)];
        out.drecurrent[size(row * G * H + k)] = dr[size(k)];
        for (int64_t u = 0; u < H; ++u) before[size(u)] += dr[size(k)] * x.r[k * H + u];
      }
      dh = before;
      after = cs[i];
    }
    for (int64_t u = 0; u < H; ++u) {
      out.dh[size(b * H + u)] = dh[size(u)];
      out.dc[size(b * H + u)] = dc[size(u)];
    }
  }
  return out;
}

void test_case(const Target& target, const Case& s) {
  const std::string what = label(target, s);
  stable(what, [&](Order order, int offset) {
    Tensors x(s, offset);
    x.forward(target, order);
    x.backward(target, order);
    std::vector<float> values;
    for (Floats* f : {&x.all, &x.h, &x.dproducts, &x.dh, &x.dc}) {
      check(f->guarded(), what + ": writes its range only");
      values.insert(values.end(), f->data(), f->data() + f->size());
    }
    return values;
  });
  Tensors x(s, 0);
  const Reference want = reference(x);
  x.forward(target, Order::kForward);
  x.backward(target, Order::kForward);
  const bool lstm = s.cell == Cell::kLstm;
  check_close(what + " all", x.all.data(), want.all, 1e-5, 2e-6);
  check_close(what + " h", x.h.data(), want.h, 1e-5, 2e-6);
  if (lstm) check_close(what + " c", x.c.data(), want.c, 1e-5, 4e-6);
  check_close(what + " dproducts", x.dproducts.data(), want.dproducts, 2e-5, 2e-5);
  if (s.cell == Cell::kGru)
    check_close(what + " drecurrent", x.drecurrent.data(), want.drecurrent, 2e-5, 2e-5);
  check_close(what + " dh", x.dh.data(), want.dh, 2e-5, 2e-5);
  if (lstm) check_close(what + " dc", x.dc.data(), want.dc, 2e-5, 2e-5);
}

}  // namespace

void test_recurrent(const Target& target) {
  for (const Case& s : cases()) test_case(target, s);
}

}  // namespace test
