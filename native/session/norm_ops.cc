// BatchNorm and BatchNormGrad over the last axis, with the activation that follows; Activation and
// ActivationGrad alone. Attributes: activation, epsilon, momentum, and `statistics`: 'batch', or 'given' for
// those of the inputs.
#include <cmath>
#include <string>

#include "ops/batch_norm.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

ortune::Activation activation_named(const std::string& name) {
  const struct {
    const char* name;
    ortune::Activation kind;
  } known[] = {
      {"none", ortune::Activation::kNone},           {"Relu", ortune::Activation::kRelu},
      {"Relu6", ortune::Activation::kRelu6},         {"HardSigmoid", ortune::Activation::kHardSigmoid},
      {"HardSwish", ortune::Activation::kHardSwish}, {"Swish", ortune::Activation::kSwish}};
  for (const auto& it : known)
    if (name == it.name) return it.kind;
  throw std::invalid_argument("attribute 'activation' is '" + name + "', which is not known");
}

struct NormOptions {
  const float epsilon, momentum;
  const bool given;
  const ortune::Activation activation;
  explicit NormOptions(const Attributes& a)
      : epsilon(a.number("epsilon", 1e-5f)),
        momentum(a.number("momentum", 0.9f)),
        given(a.text("statistics", "batch") == "given"),
        activation(activation_named(a.text("activation", "none"))) {
    require(a.integer("channels_last", 0) == 1, "the kernel takes channels-last values");
  }
};

void require_channels(const Input& x, std::initializer_list<const Input*> others) {
  require(x.columns() > 0, "x has no channels");
  for (const Input* other : others)
    require(other->count() == x.columns(), "an input has " + std::to_string(other->count()) +
                                               " elements, not the " + std::to_string(x.columns()) +
                                               " channels of x");
}

struct BatchNorm {
  static constexpr const char* kName = "BatchNorm";
  // x [..., C], scale, bias, running mean, running variance
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat}, {kFloat}, {kFloat}};
  // y, mean, r, next running mean, next running variance
  static constexpr Port kOutputs[] = {
      {kFloat}, {kFloat, true}, {kFloat, true}, {kFloat, true}, {kFloat, true}};
  static constexpr int kInPlaceInput = -1;
  const NormOptions options;
  explicit BatchNorm(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input x = c.input(0), scale = c.input(1), bias = c.input(2), mean = c.input(3),
                variance = c.input(4);
    require_channels(x, {&scale, &bias, &mean, &variance});
    const int64_t C = x.columns(), rows = x.rows();
    require(options.given || rows > 1, "statistics of a batch need more than one value per channel");
    const std::vector<int64_t> channels{C};
    float *y = c.output(0, x.shape), *kept[] = {c.output(1, channels), c.output(2, channels)};
    float *next_mean = c.output(3, channels), *next_variance = c.output(4, channels);
    require(!next_mean == !next_variance, "the running averages belong together");
    ortune::Moments moments{x.floats(), rows, C, nullptr};
    float* memory = c.floats(4 * C + chunks(moments) * 2 * C);
    float *a = memory, *b = a + C, *m = kept[0] ? kept[0] : b + C, *r = kept[1] ? kept[1] : b + 2 * C;
    if (options.given) {
      for (int64_t i = 0; i < C; ++i) {
        m[i] = mean.floats()[i];
        r[i] = 1 / std::sqrt(variance.floats()[i] + options.epsilon);
      }
    } else {
      moments.partials = memory + 4 * C;
      c.run(kernels().moments, moments);
      kernels().statistics({moments, options.epsilon, options.momentum, mean.floats(), variance.floats(), m,
                            r, next_mean, next_variance},
                           0);
    }
    for (int64_t i = 0; i < C; ++i) {
      a[i] = scale.floats()[i] * r[i];
      b[i] = bias.floats()[i] - m[i] * a[i];
    }
    c.run(kernels().normalise, ortune::Normalise{x.floats(), a, b, y, rows, C, options.activation});
  }
};

struct BatchNormGrad {
  static constexpr const char* kName = "BatchNormGrad";
  // dy, x, scale, bias, mean, r
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat}, {kFloat}, {kFloat}, {kFloat}};
  static constexpr Port kOutputs[] = {{kFloat, true}, {kFloat, true}, {kFloat, true}};  // dx, dscale, dbias
  static constexpr int kInPlaceInput = 0;
  const NormOptions options;
  explicit BatchNormGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1), scale = c.input(2), bias = c.input(3), mean = c.input(4),
                r = c.input(5);
    require(dy.count() == x.count(), "dy and x must have one shape");
    require_channels(x, {&scale, &bias, &mean, &r});
    const int64_t C = x.columns(), rows = x.rows();
    const std::vector<int64_t> channels{C};
    float *dx = c.output(0, x.shape), *dscale = c.output(1, channels), *dbias = c.output(2, channels);
    ortune::NormSums sums{dy.floats(), x.floats(), nullptr, nullptr,           mean.floats(),
                          rows,        C,          nullptr, options.activation};
    const bool wants_sums = dscale || dbias || !options.given;
    const int64_t count = chunks(sums);
    float* memory = c.floats(6 * C + (wants_sums ? count * 2 * C : 0));
    float *a = memory, *b = a + C, *p = a + 2 * C, *q = a + 3 * C, *total = a + 4 * C;
    for (int64_t i = 0; i < C; ++i) {
      a[i] = scale.floats()[i] * r.floats()[i];
      b[i] = bias.floats()[i] - mean.floats()[i] * a[i];
      p[i] = q[i] = 0;
    }
    if (wants_sums) {
      sums.a = a;
      sums.b = b;
      sums.partials = memory + 6 * C;
      c.run(kernels().norm_sums, sums);
      c.run(kernels().add_partials, ortune::AddPartials{sums.partials, total, count, 2 * C, 2 * C});
      for (int64_t i = 0; i < C; ++i) {
        const float of_r = r.floats()[i], n = static_cast<float>(rows);
        if (dbias) dbias[i] = total[i];
        if (dscale) dscale[i] = total[C + i] * of_r;
        if (options.given) continue;
        p[i] = -a[i] * of_r * of_r * total[C + i] / n;
        q[i] = -a[i] * total[i] / n - p[i] * mean.floats()[i];
      }
    }
    if (dx)
      c.run(kernels().norm_grad,
            ortune::NormGrad{dy.floats(), x.floats(), a, b, p, q, dx, rows, C, options.activation});
  }
};

struct Activation {
  static constexpr const char* kName = "Activation";
  static constexpr Port kInputs[] = {{kFloat}};
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const ortune::Activation activation;
  explicit Activation(const Attributes& a) : activation(activation_named(a.text("activation", "none"))) {}

  void compute(Context& c) const {
    const Input x = c.input(0);
    c.run(kernels().activate,
          ortune::Activate{nullptr, x.floats(), c.output(0, x.shape), x.count(), activation});
  }
};

struct ActivationGrad {
  static constexpr const char* kName = "ActivationGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // dy, x
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  const ortune::Activation activation;
  explicit ActivationGrad(const Attributes& a) : activation(activation_named(a.text("activation", "none"))) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1);
    require(dy.count() == x.count(), "dy and x must have one shape");
    c.run(kernels().activate,
          ortune::Activate{dy.floats(), x.floats(), c.output(0, x.shape), x.count(), activation});
  }
};

}  // namespace

std::vector<const OrtCustomOp*> norm_ops() {
  return {instance<BatchNorm>(), instance<BatchNormGrad>(), instance<Activation>(),
          instance<ActivationGrad>()};
}

}  // namespace custom_op
