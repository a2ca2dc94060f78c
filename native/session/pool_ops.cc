// MaxPool, AveragePool and their gradients, on channels-last images [N, H, W, C]. Attributes: kernel,
// strides, dilations, pads (before the image), each of two entries, and `size`, the height and width of what
// the op makes where its inputs do not tell. A window may hang over the image; what is outside counts as
// -infinity for the largest, and for the mean as zeros (count_include_pad 1) or not at all.
#include <string>

#include "ops/pool.h"
#include "session/conv_window.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;
using ortune::PoolKind;

struct PoolOptions {
  const Pair size;
  const bool padded;
  const ConvWindow window;
  explicit PoolOptions(const Attributes& a)
      : size(ConvWindow::pair(a, "size", 0)),
        padded(a.integer("count_include_pad", 0) != 0),
        window(a, "kernel") {
    require(window.kernel.h > 0 && window.kernel.w > 0, "attribute 'kernel' must be positive");
  }
  void require_size() const { require(size.h > 0 && size.w > 0, "attribute 'size' is missing"); }
};

struct ForwardPool {
  static constexpr Port kInputs[] = {{kFloat}};  // x
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const PoolOptions options;
  explicit ForwardPool(const Attributes& a) : options(a) { options.require_size(); }

  void pool(Context& c, PoolKind kind) const {
    const Input x = c.input(0);
    require_image(x, "x");
    Window window = options.window;
    window.image = spatial(x);
    window.out = options.size;
    ConvGrids grids;
    grids.forward(window);
    const int64_t N = x.shape[0], C = x.shape[3], divisor = options.padded ? window.kernel.count() : 0;
    float* y = c.output(0, {N, window.out.h, window.out.w, C});
    c.run_with_scratch(kernels().pool,
                       ortune::Pool{x.floats(), N, window.image.h, window.image.w, C, y, window.out.h,
                                    window.out.w, grids.grids.data(), 1, kind, divisor, nullptr, nullptr});
  }
};

struct MaxPool : ForwardPool {
  static constexpr const char* kName = "MaxPool";
  using ForwardPool::ForwardPool;
  void compute(Context& c) const { pool(c, PoolKind::kMax); }
};

struct AveragePool : ForwardPool {
  static constexpr const char* kName = "AveragePool";
  using ForwardPool::ForwardPool;
  void compute(Context& c) const { pool(c, PoolKind::kMean); }
};

struct MaxPoolGrad {
  static constexpr const char* kName = "MaxPoolGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat}};  // dy, x, y
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const PoolOptions options;
  explicit MaxPoolGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), x = c.input(1), y = c.input(2);
    require_image(x, "x");
    require_image(y, "y");
    require(dy.shape == y.shape, "dy and y must have the same shape");
    require(x.shape[0] == y.shape[0] && x.shape[3] == y.shape[3],
            "x and y must have as many images and channels");
    Window window = options.window;
    window.image = spatial(x);
    window.out = spatial(y);
    ConvGrids grids;
    grids.forward(window);
    c.run_with_scratch(
        kernels().max_pool_grad,
        ortune::MaxPoolGrad{dy.floats(), x.floats(), y.floats(), x.shape[0], window.image.h, window.image.w,
                            x.shape[3], grids.grids.data(), c.output(0, x.shape), nullptr});
  }
};

struct AveragePoolGrad {
  static constexpr const char* kName = "AveragePoolGrad";
  static constexpr Port kInputs[] = {{kFloat}};  // dy
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const PoolOptions options;
  explicit AveragePoolGrad(const Attributes& a) : options(a) { options.require_size(); }

  void compute(Context& c) const {
    const Input dy = c.input(0);
    require_image(dy, "dy");
    Window window = options.window;
    window.image = options.size;
    window.out = spatial(dy);
    ConvGrids grids;
    grids.backward(window);
    const std::vector<float> weights = window.mean_weights(options.padded);
    const int64_t N = dy.shape[0], C = dy.shape[3];
    float* dx = c.output(0, {N, window.image.h, window.image.w, C});
    c.run_with_scratch(kernels().pool, ortune::Pool{dy.floats(), N, window.out.h, window.out.w, C, dx,
                                                    window.image.h, window.image.w, grids.grids.data(),
                                                    static_cast<int64_t>(grids.grids.size()),
                                                    PoolKind::kSpread, 0, weights.data(), nullptr});
  }
};

}  // namespace

std::vector<const OrtCustomOp*> pool_ops() {
  return {instance<MaxPool>(), instance<MaxPoolGrad>(), instance<AveragePool>(), instance<AveragePoolGrad>()};
}

}  // namespace custom_op
