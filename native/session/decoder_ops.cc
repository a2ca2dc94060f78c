// What decoders like Llama are made of beside attention: RmsNorm, SwiGlu, Rotary, and their gradients. Of the
// first two an input `after`, if there is one, is not read: the node runs once it is there
// (lower/recompute-cheap.ts).
#include "ops/kernels.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

constexpr Port kTensor = {kFloat}, kAfter = {kFloat, true};

void require_same_shape(const Input& a, const Input& b) {
  require(a.shape == b.shape, "inputs of " + std::to_string(a.count()) + " and " + std::to_string(b.count()) +
                                  " elements must have one shape");
}

/// x [..., C] and scale [C].
void require_scale(const Input& x, const Input& scale) {
  require(!x.shape.empty() && scale.count() == x.columns(),
          "scale has " + std::to_string(scale.count()) + " elements, not " + std::to_string(x.columns()));
}

struct RmsNorm {
  static constexpr const char* kName = "RmsNorm";
  static constexpr Port kInputs[] = {kTensor, kTensor, kAfter};  // x, scale
  static constexpr Port kOutputs[] = {kTensor};
  static constexpr int kInPlaceInput = 0;
  const float epsilon;
  explicit RmsNorm(const Attributes& a) : epsilon(a.number("epsilon", 1e-5f)) {}

  void compute(Context& c) const {
    const Input x = c.input(0), scale = c.input(1);
    require_scale(x, scale);
    float* y = c.output(0, x.shape);
    c.run(kernels().rms_norm, ortune::RmsNorm{x.floats(), scale.floats(), y, x.rows(), x.columns(), epsilon});
  }
};

struct RmsNormGrad {
  static constexpr const char* kName = "RmsNormGrad";
  static constexpr Port kInputs[] = {kTensor, kTensor, kTensor};        // dy, x, scale
  static constexpr Port kOutputs[] = {{kFloat, true}, {kFloat, true}};  // dx, dscale
  static constexpr int kInPlaceInput = 0;
  const float epsilon;
  explicit RmsNormGrad(const Attributes& a) : epsilon(a.number("epsilon", 1e-5f)) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1), scale = c.input(2);
    require_same_shape(dy, x);
    require_scale(x, scale);
    float *dx = c.output(0, x.shape), *dscale = c.output(1, scale.shape);
    const int64_t columns = x.columns();
    ortune::RmsNormGrad args{dy.floats(), x.floats(), scale.floats(), dx,
                             nullptr,     x.rows(),   columns,        epsilon};
    const int64_t count = chunks(args);
    if (dscale)
      args.partials = static_cast<float*>(c.scratch(count * columns * static_cast<int64_t>(sizeof(float))));
    c.run(kernels().rms_norm_grad, args);
    if (dscale)
      c.run(kernels().add_partials, ortune::AddPartials{args.partials, dscale, count, columns, columns});
  }
};

struct SwiGlu {
  static constexpr const char* kName = "SwiGlu";
  static constexpr Port kInputs[] = {kTensor, kTensor, kAfter};  // gate, up
  static constexpr Port kOutputs[] = {kTensor};
  static constexpr int kInPlaceInput = 0;
  explicit SwiGlu(const Attributes&) {}

  void compute(Context& c) const {
    const Input gate = c.input(0), up = c.input(1);
    require_same_shape(gate, up);
    float* y = c.output(0, gate.shape);
    c.run(kernels().swiglu, ortune::SwiGlu{gate.floats(), up.floats(), y, gate.count()});
  }
};

struct SwiGluGrad {
  static constexpr const char* kName = "SwiGluGrad";
  static constexpr Port kInputs[] = {kTensor, kTensor, kTensor};        // dy, gate, up
  static constexpr Port kOutputs[] = {{kFloat, true}, {kFloat, true}};  // dgate, dup
  static constexpr int kInPlaceInput = 0;
  explicit SwiGluGrad(const Attributes&) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), gate = c.input(1), up = c.input(2);
    require_same_shape(dy, gate);
    require_same_shape(gate, up);
    float *dgate = c.output(0, gate.shape), *dup = c.output(1, gate.shape);
    c.run(kernels().swiglu_grad,
          ortune::SwiGluGrad{dy.floats(), gate.floats(), up.floats(), dgate, dup, gate.count()});
  }
};

struct Rotary {
  static constexpr const char* kName = "Rotary";
  static constexpr Port kInputs[] = {kTensor, kTensor,
                                     kTensor};  // x [B, T, H*d], cos and sin [B or 1, T or 1, d]
  static constexpr Port kOutputs[] = {kTensor};
  static constexpr int kInPlaceInput = 0;
  const bool transposed;
  explicit Rotary(const Attributes& a) : transposed(a.integer("transposed", 0) != 0) {}

  void compute(Context& c) const {
    const Input x = c.input(0), cos = c.input(1), sin = c.input(2);
    require(x.shape.size() == 3, "x must have three axes, not " + std::to_string(x.shape.size()));
    require_same_shape(cos, sin);
    require(cos.shape.size() == 3 && (cos.shape[0] == 1 || cos.shape[0] == x.shape[0]) &&
                (cos.shape[1] == 1 || cos.shape[1] == x.shape[1]),
            "cos and sin must have the shape [B, T, d], B or T of which may be 1");
    const int64_t d = cos.shape[2];
    require(
        d > 0 && d % 2 == 0 && x.shape[2] % d == 0,
        std::to_string(x.shape[2]) + " channels are not heads of " + std::to_string(d) + ", an even number");
    const ortune::Rotary args{x.floats(),
                              cos.floats(),
                              sin.floats(),
                              c.output(0, x.shape),
                              x.shape[0],
                              x.shape[1],
                              x.shape[2] / d,
                              d,
                              {cos.shape[0] == 1 ? 0 : cos.shape[1] * d, cos.shape[1] == 1 ? 0 : d},
                              transposed};
    c.run(kernels().rotary, args);
  }
};

}  // namespace

std::vector<const OrtCustomOp*> decoder_ops() {
  return {instance<RmsNorm>(), instance<RmsNormGrad>(), instance<SwiGlu>(), instance<SwiGluGrad>(),
          instance<Rotary>()};
}

}  // namespace custom_op
