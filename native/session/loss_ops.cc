// CrossEntropy and CrossEntropyGrad: logits [N, C], labels int64 [N], and optional weights of samples [N] and
// of classes [C].
#include "ops/kernels.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

constexpr Port kLogits = {kFloat}, kLabels = {kInt64}, kWeights = {kFloat, true};

struct Options {
  const int64_t ignore_index;
  const float smoothing;
  explicit Options(const Attributes& a)
      : ignore_index(a.integer("ignore_index", -100)), smoothing(a.number("label_smoothing", 0)) {}

  /// What both directions share; labels, sample weights and class weights are the inputs from `labels_at` on.
  ortune::CrossEntropy arguments(const Context& c, size_t logits_at, size_t labels_at) const {
    const Input logits = c.input(logits_at), labels = c.input(labels_at), samples = c.input(labels_at + 1),
                classes = c.input(labels_at + 2);
    require(logits.shape.size() == 2 && logits.shape[1] > 0, "logits must have the shape [N, C] with C > 0");
    const int64_t N = logits.shape[0], C = logits.shape[1];
    require(labels.count() == N,
            std::to_string(N) + " rows of logits, but " + std::to_string(labels.count()) + " labels");
    require(!samples || samples.count() == N, "there must be one sample weight per row");
    require(!classes || classes.count() == C, "there must be one class weight per class");
    const int64_t* label = static_cast<const int64_t*>(labels.data);
    for (int64_t n = 0; n < N; ++n)
      require((label[n] >= 0 && label[n] < C) || label[n] == ignore_index,
              "label " + std::to_string(label[n]) + " of row " + std::to_string(n) + " is not below " +
                  std::to_string(C) + " classes");
    return {logits.floats(), label,     samples.floats(), classes.floats(), N,      C,
            ignore_index,    smoothing, nullptr,          nullptr,          nullptr};
  }
};

struct CrossEntropy {
  static constexpr const char* kName = "CrossEntropy";
  static constexpr Port kInputs[] = {kLogits, kLabels, kWeights, kWeights};
  static constexpr Port kOutputs[] = {{kFloat}, {kFloat, true}};  // loss, lse[N]
  static constexpr int kInPlaceInput = -1;
  const Options options;
  explicit CrossEntropy(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    ortune::CrossEntropy args = options.arguments(c, 0, 1);
    const int64_t row = static_cast<int64_t>(sizeof(double) + sizeof(float));
    args.row_losses = static_cast<double*>(c.scratch(args.rows * row));
    args.loss = c.output(0, {});
    args.lse = c.output(1, {args.rows});
    if (!args.lse) args.lse = reinterpret_cast<float*>(args.row_losses + args.rows);
    c.run(kernels().cross_entropy, args);
    kernels().cross_entropy_total(args, 0);
  }
};

struct CrossEntropyGrad {
  static constexpr const char* kName = "CrossEntropyGrad";
  static constexpr Port kInputs[] = {{kFloat}, kLogits,  {kFloat},
                                     kLabels,  kWeights, kWeights};  // dloss, …, lse
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 1;
  const Options options;
  explicit CrossEntropyGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    ortune::CrossEntropy args = options.arguments(c, 1, 3);
    const Input dloss = c.input(0), lse = c.input(2);
    require(dloss.count() == 1 && lse.count() == args.rows,
            "dloss must be a scalar and lse have one element per row");
    args.lse = static_cast<float*>(lse.data);
    float* dlogits = c.output(0, {args.rows, args.columns});
    c.run(kernels().cross_entropy_grad, ortune::CrossEntropyGrad{args, *dloss.floats(), dlogits});
  }
};

}  // namespace

std::vector<const OrtCustomOp*> loss_ops() {
  return {instance<CrossEntropy>(), instance<CrossEntropyGrad>()};
}

}  // namespace custom_op
