// Attention and AttentionGrad: q [B, T, H*d], k and v [B, S, K*d] where H is a multiple of K, and optionally
// a bias that broadcasts to [B, H, T, S], the key of the dropout, a learned bias [B or 1, H, T, S] and sinks
// [H].
#include <string>

#include "ops/attention.h"
#include "session/custom_op.h"
#include "session/dropout_options.h"

namespace custom_op {
namespace {

using ortune::kernels;

constexpr Port kTensor = {kFloat}, kBias = {kFloat, true}, kKey = {kUint32, true};

struct Options {
  const int64_t heads, kv_heads;
  const float scale, softcap;
  const DropoutOptions dropout;
  explicit Options(const Attributes& a)
      : heads(a.integer("heads", 0)),
        kv_heads(a.integer("kv_heads", heads)),
        scale(a.number("scale", 1)),
        softcap(a.number("softcap", 0)),
        dropout(a) {
    require(heads > 0, "attribute 'heads' must be at least 1");
    require(kv_heads > 0 && heads % kv_heads == 0, "attribute 'kv_heads' must divide 'heads'");
    require(softcap >= 0, "attribute 'softcap' must not be negative");
  }

  /// What both directions share; q, k, v, bias and key are the inputs from `first` on, the learned bias and
  /// the sinks those from `further` on.
  ortune::Attention arguments(const Context& c, size_t first, size_t further) const {
    const Input q = c.input(first), k = c.input(first + 1), v = c.input(first + 2);
    for (const Input* x : {&q, &k, &v})
      require(x->shape.size() == 3,
              "q, k and v must have three axes, not " + std::to_string(x->shape.size()));
    require(k.shape == v.shape && q.shape[0] == k.shape[0] && q.shape[2] * kv_heads == k.shape[2] * heads,
            "q must have the shape [B, T, C], and k and v the shape [B, S, C], or as much less as there are "
            "fewer heads of them");
    require(q.shape[2] % heads == 0 && q.shape[2] > 0,
            std::to_string(q.shape[2]) + " channels are not " + std::to_string(heads) + " heads of one size");
    require(k.shape[1] > 0, "k and v must have at least one token");
    ortune::Attention a{};
    a.q = q.floats();
    a.k = k.floats();
    a.v = v.floats();
    a.batch = q.shape[0];
    a.heads = heads;
    a.kv_heads = kv_heads;
    a.T = q.shape[1];
    a.S = k.shape[1];
    a.d = q.shape[2] / heads;
    a.scale = scale;
    a.softcap = softcap;
    set_bias(a, c.input(first + 3));
    set_learned(a, c.input(further));
    const Input sink = c.input(further + 1);
    require(!sink || sink.shape == std::vector<int64_t>{heads}, "the sinks must have the shape [H]");
    a.sink = sink.floats();
    if (dropout.ratio > 0) {
      const ortune::Dropout mask = dropout.mask(c.input(first + 4));
      a.state = mask.state;
      a.threshold = mask.threshold;
      a.factor = mask.factor;
    }
    return a;
  }

 private:
  static void set_bias(ortune::Attention& a, const Input& bias) {
    a.bias = bias.floats();
    if (!bias) return;
    require(bias.shape.size() == 4, "the bias must have four axes, not " + std::to_string(bias.shape.size()));
    const int64_t axes[] = {a.batch, a.heads, a.T, a.S};
    int64_t stride = 1;
    for (size_t axis = 4; axis-- > 0;) {
      const int64_t length = bias.shape[axis];
      require(length == 1 || length == axes[axis], "axis " + std::to_string(axis) + " of the bias has " +
                                                       std::to_string(length) + " elements, not 1 or " +
                                                       std::to_string(axes[axis]));
      a.bias_stride[axis] = length == 1 ? 0 : stride;
      stride *= length;
    }
  }

  static void set_learned(ortune::Attention& a, const Input& learned) {
    a.learned = learned.floats();
    if (!learned) return;
    const int64_t samples = learned.shape.empty() ? 0 : learned.shape[0];
    const std::vector<int64_t> whole = {samples == 1 ? 1 : a.batch, a.heads, a.T, a.S};
    require(learned.shape == whole, "the learned bias must have the shape [B, H, T, S] or [1, H, T, S]");
    a.learned_sample = samples == 1 ? 0 : a.heads * a.T * a.S;
  }
};

struct Attention {  // q, k, v, bias, key, learned, sink
  static constexpr const char* kName = "Attention";
  static constexpr Port kInputs[] = {kTensor, kTensor, kTensor, kBias, kKey, kBias, kBias};
  static constexpr Port kOutputs[] = {{kFloat}, {kFloat, true}};  // y, stats
  static constexpr int kInPlaceInput = -1;
  const Options options;
  explicit Attention(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    ortune::Attention args = options.arguments(c, 0, 5);
    args.y = c.output(0, {args.batch, args.T, args.heads * args.d});
    args.stats = c.output(1, {args.batch, args.heads, args.T, 2});
    c.run_with_scratch(kernels().attention, args);
  }
};

struct AttentionGrad {
  static constexpr const char* kName = "AttentionGrad";
  static constexpr Port kInputs[] = {kTensor, kTensor, kTensor, kTensor,
                                     kBias,   kKey,    kTensor, kTensor,  // dy, …, y, stats
                                     kBias,   kBias};                     // learned, sink
  static constexpr Port kOutputs[] = {
      {kFloat, true}, {kFloat, true}, {kFloat, true}, {kFloat, true}};  // dq, dk, dv, dlearned
  static constexpr int kInPlaceInput = -1;
  const Options options;
  explicit AttentionGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    ortune::AttentionGrad args{};
    ortune::Attention& of = args.of;
    of = options.arguments(c, 1, 8);
    const Input dy = c.input(0), y = c.input(6), stats = c.input(7);
    const std::vector<int64_t> q_shape = {of.batch, of.T, of.heads * of.d},
                               k_shape = {of.batch, of.S, of.kv_heads * of.d};
    require(dy.shape == q_shape && y.shape == q_shape, "dy and y must have the shape of q");
    require(stats.count() == of.batch * of.heads * of.T * 2,
            "the statistics must have the shape [B, H, T, 2]");
    args.dy = dy.floats();
    of.y = static_cast<float*>(y.data);
    of.stats = static_cast<float*>(stats.data);
    args.dq = c.output(0, q_shape);
    args.dk = c.output(1, k_shape);
    args.dv = c.output(2, k_shape);
    const Input learned = c.input(8);
    if (learned) args.dlearned = c.output(3, learned.shape);
    c.run_with_scratch(kernels().attention_grad, args);
  }
};

}  // namespace

std::vector<const OrtCustomOp*> attention_ops() { return {instance<Attention>(), instance<AttentionGrad>()}; }

}  // namespace custom_op
