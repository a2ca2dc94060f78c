// An operator for each optimizer of ops/kernels.h: one node updates the parameter arena and the optimizer's
// state in place, through its inputs, which must be bound memory of the caller; its output is the gradient
// norm before clipping.
#include <array>

#include "optim/update.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

/// The ranges must ascend without overlap inside the arena: they are what several threads write.
void require_ranges(const Input& ranges, int64_t length) {
  require(ranges.shape.size() == 2 && ranges.shape[1] == 2, "ranges must have the shape [R, 2]");
  const int64_t* range = static_cast<const int64_t*>(ranges.data);
  int64_t end = 0;
  for (int64_t r = 0; r < ranges.shape[0]; ++r) {
    require(range[2 * r] >= end && range[2 * r + 1] >= range[2 * r] && range[2 * r + 1] <= length,
            "range " + std::to_string(r) + " = [" + std::to_string(range[2 * r]) + ", " +
                std::to_string(range[2 * r + 1]) + ") overlaps another or leaves the arena of " +
                std::to_string(length) + " elements");
    end = range[2 * r + 1];
  }
}

/// Inputs: parameters, gradients, `states` arenas of optimizer state, ranges [R, 2], hyper [R, 9], clip [1].
template <int states>
void update(Context& c, void (*kernel)(const ortune::Update&, int64_t)) {
  const Input p = c.input(0), g = c.input(1), ranges = c.input(2 + states), hyper = c.input(3 + states),
              clip = c.input(4 + states);
  float* state[2] = {nullptr, nullptr};
  for (size_t i = 0; i < states; ++i) {
    const Input arena = c.input(2 + i);
    require(arena.count() == p.count(), "the optimizer's state must be as long as the parameters");
    state[i] = static_cast<float*>(arena.data);
  }
  require(g.count() == p.count(), "the gradients must be as long as the parameters");
  require_ranges(ranges, p.count());
  const int64_t count = ranges.shape[0];
  require(hyper.count() == count * ortune::kHyper,
          "hyper must have " + std::to_string(ortune::kHyper) + " numbers per range");
  require(clip.count() == 1, "clip must be one number");

  const int64_t* range = static_cast<const int64_t*>(ranges.data);
  int64_t total = count + 1;  // of 8-byte words: first_chunk, then the squares
  for (int64_t r = 0; r < count; ++r) total += ortune::range_chunks(range[2 * r], range[2 * r + 1]);
  int64_t* first_chunk = static_cast<int64_t*>(c.scratch(total * static_cast<int64_t>(sizeof(int64_t))));
  ortune::count_chunks(range, count, first_chunk);
  const ortune::Update args{static_cast<float*>(p.data),
                            state[0],
                            state[1],
                            static_cast<float*>(g.data),
                            range,
                            first_chunk,
                            hyper.floats(),
                            count,
                            *clip.floats(),
                            reinterpret_cast<double*>(first_chunk + count + 1),
                            c.output(0, {1})};
  c.run(kernels().gradient_norm, args);
  kernels().gradient_norm_total(args, 0);
  c.run(kernel, args);
}

/// The ports of `update`.
template <size_t states>
constexpr std::array<Port, states + 5> ports() {
  std::array<Port, states + 5> all{};
  for (Port& port : all) port.type = kFloat;
  all[2 + states].type = kInt64;
  return all;
}

template <class Rule>
struct UpdateOp {
  static constexpr const char* kName = Rule::kName;
  static constexpr auto kInputs = ports<Rule::kStates>();
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  explicit UpdateOp(const Attributes&) {}
  void compute(Context& c) const { update<Rule::kStates>(c, kernels().*Rule::kKernel); }
};

#define ORTUNE_RULE(name, Op, states, ...)                  \
  struct Op {                                               \
    static constexpr const char* kName = #Op;               \
    static constexpr int kStates = states;                  \
    static constexpr auto kKernel = &ortune::Kernels::name; \
  };
ORTUNE_KERNELS(ORTUNE_NOTHING, ORTUNE_NOTHING, ORTUNE_RULE)
#define ORTUNE_INSTANCE(name, Op, ...) instance<UpdateOp<Op>>(),

}  // namespace

std::vector<const OrtCustomOp*> update_ops() {
  return {ORTUNE_KERNELS(ORTUNE_NOTHING, ORTUNE_NOTHING, ORTUNE_INSTANCE)};
}

}  // namespace custom_op
