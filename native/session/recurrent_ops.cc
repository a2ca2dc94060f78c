// LSTM, GRU and RNN, the recurrence of one direction, and their gradients: the products of all inputs, [T *
// B, gates * H], come in, and those of R are computed here step by step.
#include <string>

#include "ops/recurrent.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::Cell;
using ortune::kernels;
using ortune::Sequence;

constexpr Port kTensor = {kFloat}, kSome = {kFloat, true}, kLengths = {kInt32, true};

struct Options {
  const int64_t steps;
  const bool reverse, relu;
  explicit Options(const Attributes& a)
      : steps(a.integer("steps", 0)), reverse(a.integer("reverse", 0) != 0), relu(a.integer("relu", 0) != 0) {
    require(steps > 0, "attribute 'steps' must be at least 1");
  }

  Sequence sequence(Cell cell, const Input& r, const Input& rows, const Input& lengths) const {
    require(r.shape.size() == 2 && rows.shape.size() == 2, "R and the rows of all steps must be matrices");
    Sequence of{};
    of.cell = cell == Cell::kTanh && relu ? Cell::kRelu : cell;
    of.steps = steps;
    of.hidden = r.shape[1];
    of.reverse = reverse;
    const int64_t gates = of.gates();
    require(of.hidden > 0 && r.shape[0] == gates * of.hidden, "R must have the shape [gates * H, H]");
    require(rows.shape[0] % steps == 0, std::to_string(rows.shape[0]) + " rows are not " +
                                            std::to_string(steps) + " steps of as many sequences");
    of.batch = rows.shape[0] / steps;
    require(!lengths || lengths.count() == of.batch, "there must be a length for each sequence");
    of.lengths = static_cast<const int32_t*>(lengths.data);
    return of;
  }
};

void require_state(const Input& state, const Sequence& of) {
  require(!state || state.shape == std::vector<int64_t>{of.batch, of.hidden},
          "states must have the shape [B, H]");
}

/// R packed at `to`.
float* pack(const Context& c, const Input& r, const Sequence& of, bool transposed, float* to) {
  ortune::RecurrentPack args{r.floats(), to, of.gates(), of.hidden, transposed};
  c.run(kernels().recurrent_pack, args);
  return to;
}
int64_t packed(const Sequence& of) {
  return packed_floats(ortune::RecurrentPack{nullptr, nullptr, of.gates(), of.hidden, false});
}

/// Outputs: all, h, c, gates, cells, before; see ops/recurrent.h for which a cell has.
template <Cell kCell>
struct Recurrent {
  static constexpr const char* kName = kCell == Cell::kLstm ? "LSTM" : kCell == Cell::kGru ? "GRU" : "RNN";
  // products, R, lengths, h0, c0 of an LSTM or the reset bias of a GRU
  static constexpr Port kInputs[] = {kTensor, kTensor, kLengths, kSome, kSome};
  static constexpr Port kOutputs[] = {kSome, kSome, kSome, kSome, kSome, kSome};
  static constexpr int kInPlaceInput = -1;
  const Options options;
  explicit Recurrent(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input products = c.input(0), r = c.input(1), h0 = c.input(3), other = c.input(4);
    ortune::Recurrence args{};
    Sequence& of = args.of;
    of = options.sequence(kCell, r, products, c.input(2));
    require(products.shape[1] == r.shape[0], "a row of the products must have a number for each row of R");
    require_state(h0, of);
    if (kCell == Cell::kLstm) require_state(other, of);
    if (kCell == Cell::kGru)
      require(!other || other.count() == of.hidden, "the reset bias must have H numbers");
    args.products = products.floats();
    args.h0 = h0.floats();
    (kCell == Cell::kGru ? args.reset_bias : args.c0) = other.floats();
    const std::vector<int64_t> state = {of.batch, of.hidden}, value = {of.steps * of.batch, of.hidden};
    args.all = c.output(0, value);
    args.h = c.output(1, state);
    args.c = kCell == Cell::kLstm ? c.output(2, state) : nullptr;
    args.gates = c.output(3, {value[0], of.gates() * of.hidden});
    args.cells = c.output(4, value);
    args.before = c.output(5, value);
    // What nobody reads has to lie somewhere all the same.
    const int64_t values = value[0] * of.hidden;
    const int64_t lengths[] = {packed(of), args.all ? 0 : values, args.gates ? 0 : values * of.gates(),
                               args.cells ? 0 : values, args.before ? 0 : values};
    int64_t total = 0;
    for (int64_t length : lengths) total += length;
    float* memory = c.floats(total);
    args.packed = pack(c, r, of, true, memory);
    float** const places[] = {&args.all, &args.gates, &args.cells, &args.before};
    memory += lengths[0];
    for (size_t i = 0; i < 4; ++i, memory += lengths[i])
      if (lengths[i + 1] > 0) *places[i] = memory;
    for (args.n = 0; args.n < of.steps; ++args.n) c.run(kernels().recurrent_step, args);
  }
};

/// Outputs: dproducts, of a GRU the gradient of R h beside, and those of h0 and c0.
template <Cell kCell>
struct RecurrentGrad {
  static constexpr const char* kName = kCell == Cell::kLstm  ? "LSTMGrad"
                                       : kCell == Cell::kGru ? "GRUGrad"
                                                             : "RNNGrad";
  // R, dall, dh, dc, lengths, c0, all, gates, cells, before
  static constexpr Port kInputs[] = {kTensor, kSome, kSome, kSome, kLengths,
                                     kSome,   kSome, kSome, kSome, kSome};
  static constexpr Port kOutputs[] = {kTensor, kSome, kSome, kSome};
  static constexpr int kInPlaceInput = -1;
  const Options options;
  explicit RecurrentGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input r = c.input(0), dall = c.input(1), dh = c.input(2), dc = c.input(3), c0 = c.input(5),
                all = c.input(6), gates = c.input(7), cells = c.input(8), before = c.input(9);
    ortune::RecurrenceGrad args{};
    Sequence& of = args.of;
    constexpr bool gated = kCell == Cell::kLstm || kCell == Cell::kGru;
    of = options.sequence(kCell, r, gated ? gates : all, c.input(4));
    const std::vector<int64_t> value = {of.steps * of.batch, of.hidden},
                               gate = {value[0], of.gates() * of.hidden};
    require(gated ? gates.shape == gate && cells.shape == value : all.shape == value,
            "what the forward pass kept must be of its steps");
    require(kCell != Cell::kGru || before.shape == value, "the states before the steps must be of all steps");
    require(!dall || dall.shape == value, "the gradient of all outputs must have their shape");
    for (const Input* state : {&dh, &dc, &c0}) require_state(*state, of);
    args.gates = gates.floats();
    args.cells = cells.floats();
    args.all = all.floats();
    args.before = before.floats();
    args.c0 = c0.floats();
    args.dall = dall.floats();
    args.dproducts = c.output(0, gate);
    const int64_t states = of.batch * of.hidden;
    args.drecurrent = kCell == Cell::kGru ? c.output(1, gate) : args.dproducts;
    args.dh = c.output(2, {of.batch, of.hidden});
    args.dc = kCell == Cell::kLstm ? c.output(3, {of.batch, of.hidden}) : nullptr;
    const bool wanted = args.dh != nullptr;
    const int64_t of_gates = kCell == Cell::kGru && !args.drecurrent ? value[0] * gate[1] : 0;
    float* memory = c.floats(packed(of) + 2 * states + of_gates);
    args.packed = pack(c, r, of, false, memory);
    memory += packed(of);
    if (!args.dh) args.dh = memory;
    if (!args.dc) args.dc = memory + states;
    if (!args.drecurrent) args.drecurrent = memory + 2 * states;
    start(args.dh, dh, states);
    start(args.dc, dc, states);
    for (args.n = 0; args.n < of.steps + (wanted ? 1 : 0); ++args.n)
      c.run(kernels().recurrent_grad_step, args);
  }

  static void start(float* to, const Input& from, int64_t count) {
    for (int64_t i = 0; i < count; ++i) to[i] = from ? from.floats()[i] : 0;
  }
};

}  // namespace

std::vector<const OrtCustomOp*> recurrent_ops() {
  return {instance<Recurrent<Cell::kLstm>>(),    instance<Recurrent<Cell::kGru>>(),
          instance<Recurrent<Cell::kTanh>>(),    instance<RecurrentGrad<Cell::kLstm>>(),
          instance<RecurrentGrad<Cell::kGru>>(), instance<RecurrentGrad<Cell::kTanh>>()};
}

}  // namespace custom_op
