// BiasGelu, BiasGeluGrad, Transpose, GeluGrad, Dropout, SoftmaxGrad, LogSoftmaxGrad, LayerNormalizationGrad,
// BiasGrad and EmbeddingGrad.
#include "ops/kernels.h"
#include "session/custom_op.h"
#include "session/dropout_options.h"

namespace custom_op {
namespace {

using ortune::kernels;

void require_same_size(const Input& a, const Input& b) {
  require(a.count() == b.count(), "inputs of " + std::to_string(a.count()) + " and " +
                                      std::to_string(b.count()) + " elements must have one shape");
}

struct GeluGrad {
  static constexpr const char* kName = "GeluGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // dy, x
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  const bool tanh;
  explicit GeluGrad(const Attributes& a) : tanh(a.text("approximate", "none") == "tanh") {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1);
    require_same_size(dy, x);
    float* dx = c.output(0, x.shape);
    c.run(kernels().gelu_grad, ortune::GeluGrad{dy.floats(), x.floats(), dx, x.count(), tanh});
  }
};

/// x [..., C] and bias [C].
void require_bias(const Input& x, const Input& bias) {
  require(bias.count() == x.columns(),
          "the bias has " + std::to_string(bias.count()) + " elements, not " + std::to_string(x.columns()));
}

struct BiasGelu {
  static constexpr const char* kName = "BiasGelu";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // x, bias
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  const bool tanh;
  explicit BiasGelu(const Attributes& a) : tanh(a.text("approximate", "none") == "tanh") {}

  void compute(Context& c) const {
    const Input x = c.input(0), bias = c.input(1);
    require_bias(x, bias);
    float* y = c.output(0, x.shape);
    c.run(kernels().bias_gelu, ortune::BiasGelu{x.floats(), bias.floats(), y, x.rows(), x.columns(), tanh});
  }
};

struct BiasGeluGrad {
  static constexpr const char* kName = "BiasGeluGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat}};  // dy, x, bias
  static constexpr Port kOutputs[] = {{kFloat}, {kFloat, true}};     // dx, dbias
  static constexpr int kInPlaceInput = 0;
  const bool tanh;
  explicit BiasGeluGrad(const Attributes& a) : tanh(a.text("approximate", "none") == "tanh") {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1), bias = c.input(2);
    require_same_size(dy, x);
    require_bias(x, bias);
    ortune::BiasGeluGrad args{dy.floats(), x.floats(), bias.floats(), c.output(0, x.shape),
                              nullptr,     x.rows(),   x.columns(),   tanh};
    float* dbias = c.output(1, bias.shape);
    const int64_t count = chunks(args), columns = x.columns();
    args.partials = static_cast<float*>(c.scratch(count * columns * static_cast<int64_t>(sizeof(float))));
    c.run(kernels().bias_gelu_grad, args);
    if (dbias)
      c.run(kernels().add_partials, ortune::AddPartials{args.partials, dbias, count, columns, columns});
  }
};

struct Transpose {
  static constexpr const char* kName = "Transpose";
  static constexpr Port kInputs[] = {{kFloat}};  // x [rows, columns]
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  explicit Transpose(const Attributes&) {}

  void compute(Context& c) const {
    const Input x = c.input(0);
    require(x.shape.size() == 2, "the input must have two axes, not " + std::to_string(x.shape.size()));
    float* y = c.output(0, {x.shape[1], x.shape[0]});
    c.run(kernels().transpose, ortune::Transpose{x.floats(), y, x.shape[0], x.shape[1]});
  }
};

struct Dropout {
  static constexpr const char* kName = "Dropout";
  static constexpr Port kInputs[] = {{kFloat}, {kUint32}};  // x, key[4]
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  const DropoutOptions options;
  explicit Dropout(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input x = c.input(0);
    ortune::Dropout args = options.mask(c.input(1));
    args.x = x.floats();
    args.y = c.output(0, x.shape);
    args.n = x.count();
    c.run(kernels().dropout, args);
  }
};

struct SoftmaxGrad {
  static constexpr const char* kName = "SoftmaxGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // dy, y
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  const float scale;
  explicit SoftmaxGrad(const Attributes& a) : scale(a.number("scale", 1)) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), y = c.input(1);
    require_same_size(dy, y);
    float* dx = c.output(0, y.shape);
    c.run(kernels().softmax_grad,
          ortune::SoftmaxGrad{dy.floats(), y.floats(), dx, y.rows(), y.columns(), scale});
  }
};

struct LogSoftmaxGrad {
  static constexpr const char* kName = "LogSoftmaxGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // dy, y
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = 0;
  explicit LogSoftmaxGrad(const Attributes&) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), y = c.input(1);
    require_same_size(dy, y);
    float* dx = c.output(0, y.shape);
    c.run(kernels().log_softmax_grad,
          ortune::LogSoftmaxGrad{dy.floats(), y.floats(), dx, y.rows(), y.columns()});
  }
};

struct LayerNormalizationGrad {
  static constexpr const char* kName = "LayerNormalizationGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat}};                     // dy, x, scale
  static constexpr Port kOutputs[] = {{kFloat, true}, {kFloat, true}, {kFloat, true}};  // dx, dscale, dbias
  static constexpr int kInPlaceInput = 0;
  const float epsilon;
  const int64_t axis;
  explicit LayerNormalizationGrad(const Attributes& a)
      : epsilon(a.number("epsilon", 1e-5f)), axis(a.integer("axis", -1)) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1), scale = c.input(2);
    require_same_size(dy, x);
    const int64_t rank = static_cast<int64_t>(x.shape.size()), first = axis < 0 ? axis + rank : axis;
    require(first >= 0 && first < rank, "attribute 'axis' is outside the shape");
    const size_t split = static_cast<size_t>(first);
    const int64_t rows = x.count(0, split), columns = x.count(split, x.shape.size());
    require(scale.count() == columns,
            "scale has " + std::to_string(scale.count()) + " elements, not " + std::to_string(columns));
    ortune::LayerNormGrad args{dy.floats(), x.floats(), scale.floats(), c.output(0, x.shape),
                               nullptr,     rows,       columns,        epsilon};
    float* sums[] = {c.output(1, scale.shape), c.output(2, scale.shape)};
    const int64_t count = chunks(args), stride = 2 * columns;
    if (sums[0] || sums[1])
      args.partials = static_cast<float*>(c.scratch(count * stride * static_cast<int64_t>(sizeof(float))));
    c.run(kernels().layer_norm_grad, args);
    for (int i = 0; i < 2; ++i)
      if (sums[i])
        c.run(kernels().add_partials,
              ortune::AddPartials{args.partials + i * columns, sums[i], count, stride, columns});
  }
};

struct BiasGrad {
  static constexpr const char* kName = "BiasGrad";
  static constexpr Port kInputs[] = {{kFloat}};  // dy
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  explicit BiasGrad(const Attributes&) {}

  void compute(Context& c) const {
    const Input dy = c.input(0);
    const int64_t columns = dy.columns();
    ortune::BiasGrad args{dy.floats(), nullptr, dy.rows(), columns};
    float* db = c.output(0, dy.shape.empty() ? dy.shape : std::vector<int64_t>{columns});
    const int64_t count = chunks(args);
    args.partials = static_cast<float*>(c.scratch(count * columns * static_cast<int64_t>(sizeof(float))));
    c.run(kernels().bias_grad, args);
    c.run(kernels().add_partials, ortune::AddPartials{args.partials, db, count, columns, columns});
  }
};

struct EmbeddingGrad {
  static constexpr const char* kName = "EmbeddingGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kAny}};  // dy, indices
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const int64_t rows;
  explicit EmbeddingGrad(const Attributes& a) : rows(a.integer("rows", -1)) {
    require(rows >= 0, "attribute 'rows' is missing");
  }

  template <class Index>
  void require_in_table(const Input& indices) const {
    const Index* index = static_cast<const Index*>(indices.data);
    for (int64_t m = 0; m < indices.count(); ++m)
      require(
          index[m] >= -rows && index[m] < rows,
          "index " + std::to_string(index[m]) + " is outside a table of " + std::to_string(rows) + " rows");
  }

  void compute(Context& c) const {
    const Input dy = c.input(0), indices = c.input(1);
    const size_t rank = indices.shape.size();
    const bool wide = indices.type == kInt64;
    require(wide || indices.type == kInt32, "indices must be int64 or int32");
    require(dy.shape.size() >= rank && dy.count(0, rank) == indices.count(),
            "the leading axes of dy must be those of the indices");
    wide ? require_in_table<int64_t>(indices) : require_in_table<int32_t>(indices);
    std::vector<int64_t> shape(dy.shape.begin() + static_cast<std::ptrdiff_t>(rank), dy.shape.end());
    shape.insert(shape.begin(), rows);
    const ortune::EmbeddingGrad args{dy.floats(),
                                     indices.data,
                                     wide,
                                     c.output(0, shape),
                                     indices.count(),
                                     rows,
                                     dy.count(rank, dy.shape.size())};
    c.run(kernels().embedding_zero, args, zero_chunks(args));
    c.run(kernels().embedding_add, args, add_chunks(args));
  }
};

}  // namespace

std::vector<const OrtCustomOp*> gradient_ops() {
  return {instance<BiasGelu>(),       instance<BiasGeluGrad>(), instance<Transpose>(),
          instance<GeluGrad>(),       instance<Dropout>(),      instance<SoftmaxGrad>(),
          instance<LogSoftmaxGrad>(), instance<BiasGrad>(),     instance<LayerNormalizationGrad>(),
          instance<EmbeddingGrad>()};
}

}  // namespace custom_op
