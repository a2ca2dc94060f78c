// Conv, ConvInputGrad and ConvWeightGrad, on channels-last images x [N, H, W, C] and filters W [M, C / group,
// KH, KW]. Attributes: group, strides, dilations, pads (before the image), each of two entries but the first,
// and `size`, the height and width that shapes do not tell. With as many groups as channels and filters, the
// kernels are the depthwise ones.
#include <string>

#include "ops/conv.h"
#include "ops/conv_panels.h"
#include "ops/depthwise.h"
#include "session/conv_window.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

/// Fewer channels fill panels too badly.
constexpr int64_t kPanelsFrom = 32;

/// How many taps of C channels a group are read as one: channels too few to be a row of a product come with
/// the taps of the filter's row where these are neighbours in memory, else with all taps. At least one, of
/// filters without taps too.
int64_t taps_in_run(const ConvWindow& window, int64_t groups, int64_t C) {
  constexpr int64_t kFew = 8;
  if (C >= kFew) return 1;
  const bool neighbours = groups == 1 && window.dilations.w == 1 && window.kernel.w > 1;
  return ortune::at_least_one(neighbours ? window.kernel.w : window.kernel.count());
}

struct ConvOptions {
  const int64_t group;
  const ConvWindow window;
  const Pair size;
  explicit ConvOptions(const Attributes& a)
      : group(a.integer("group", 1)), window(a), size(ConvWindow::pair(a, "size", 0)) {
    require(group > 0 && group <= kMostPlaces,
            "attribute 'group' must be at least 1, and no more than channels");
    require(size.h > 0 && size.w > 0, "attribute 'size' is missing");
  }

  /// Whether each channel of images with C channels is convolved to one of the M of the result by itself.
  bool depthwise(int64_t C, int64_t M) const { return group == C && group == M; }

  /// Filters [groups * M, C, kernel] of an image of C channels and a result of M.
  void require_filters(const std::vector<int64_t>& shape, int64_t C, int64_t M) const {
    require(shape.size() == 4, "filters must have four axes");
    require(shape[0] == M && shape[1] * group == C && M % group == 0,
            "filters of " + std::to_string(shape[0]) + " times " + std::to_string(shape[1]) +
                " channels do not fit " + std::to_string(group) + " groups of images with " +
                std::to_string(C) + " and " + std::to_string(M) + " channels");
  }
};

/// The product of every place of the grids with the filters, which are packed first.
void convolve(Context& c, ortune::ConvPack pack, ortune::Conv args) {
  args.filter_taps = pack.taps;
  if (kernels().fast_panels && args.C >= kPanelsFrom && args.M >= kPanelsFrom) {
    const ortune::ConvPanelsPack panels{pack};
    args.packed = pack.packed = c.floats(packed_floats(panels));
    c.run(kernels().conv_panels_pack, ortune::ConvPanelsPack{pack});
    return c.run_with_scratch(kernels().conv_panels, ortune::ConvPanels{args});
  }
  float* packed = c.floats(packed_floats(pack));
  pack.packed = packed;
  c.run(kernels().conv_pack, pack);
  args.packed = packed;
  c.run_with_scratch(kernels().conv, args);
}

/// The same where every channel has one filter.
void convolve(Context& c, ortune::DepthwisePack pack, ortune::Depthwise args) {
  float* packed = c.floats(packed_floats(pack));
  pack.packed = packed;
  c.run(kernels().depthwise_pack, pack);
  args.packed = packed;
  args.filter_taps = pack.taps;
  c.run_with_scratch(kernels().depthwise, args);
}

struct Conv {
  static constexpr const char* kName = "Conv";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat, true}};  // x, W, bias
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const ConvOptions options;
  explicit Conv(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input x = c.input(0), filters = c.input(1), bias = c.input(2);
    require_image(x, "x");
    require(filters.shape.size() == 4, "filters must have four axes");
    const int64_t N = x.shape[0], C = x.shape[3], M = filters.shape[0], groups = options.group;
    options.require_filters(filters.shape, C, M);
    require(!bias || bias.count() == M, "the bias must have an element for each of the filters");
    ConvWindow window = options.window;
    window.kernel = {filters.shape[2], filters.shape[3]};
    window.image = spatial(x);
    window.out = options.size;
    ConvGrids grids;
    grids.forward(window);
    float* y = c.output(0, {N, window.out.h, window.out.w, M});
    if (options.depthwise(C, M))
      return convolve(c, {filters.floats(), bias.floats(), C, window.kernel.count(), nullptr},
                      {x.floats(), N, window.image.h, window.image.w, C, y, window.out.h, window.out.w,
                       grids.grids.data(), 1, nullptr, 0, nullptr});
    const int64_t run = taps_in_run(window, groups, C / groups);
    convolve(c, {filters.floats(), groups, M / groups, C / groups, window.kernel.count(), false, nullptr},
             {x.floats(), N, window.image.h, window.image.w, groups, C / groups, M / groups, y, window.out.h,
              window.out.w, grids.grids.data(), 1, nullptr, 0, bias.floats(), run, nullptr});
  }
};

struct ConvInputGrad {
  static constexpr const char* kName = "ConvInputGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};  // dy, W
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const ConvOptions options;
  explicit ConvInputGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input dy = c.input(0), filters = c.input(1);
    require_image(dy, "dy");
    require(filters.shape.size() == 4, "filters must have four axes");
    const int64_t N = dy.shape[0], M = dy.shape[3], groups = options.group, C = filters.shape[1] * groups;
    options.require_filters(filters.shape, C, M);
    ConvWindow window = options.window;
    window.kernel = {filters.shape[2], filters.shape[3]};
    window.image = options.size;
    window.out = spatial(dy);
    ConvGrids grids;
    grids.backward(window);
    float* dx = c.output(0, {N, window.image.h, window.image.w, C});
    if (options.depthwise(C, M))
      return convolve(c, {filters.floats(), nullptr, C, window.kernel.count(), nullptr},
                      {dy.floats(), N, window.out.h, window.out.w, C, dx, window.image.h, window.image.w,
                       grids.grids.data(), static_cast<int64_t>(grids.grids.size()), nullptr, 0, nullptr});
    convolve(c, {filters.floats(), groups, M / groups, C / groups, window.kernel.count(), true, nullptr},
             {dy.floats(), N, window.out.h, window.out.w, groups, M / groups, C / groups, dx, window.image.h,
              window.image.w, grids.grids.data(), static_cast<int64_t>(grids.grids.size()), nullptr, 0,
              nullptr, 1, nullptr});
  }
};

struct ConvWeightGrad {
  static constexpr const char* kName = "ConvWeightGrad";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}};               // x, dy
  static constexpr Port kOutputs[] = {{kFloat, true}, {kFloat, true}};  // dW, dbias
  static constexpr int kInPlaceInput = -1;
  const ConvOptions options;
  explicit ConvWeightGrad(const Attributes& a) : options(a) {}

  void compute(Context& c) const {
    const Input x = c.input(0), dy = c.input(1);
    require_image(x, "x");
    require_image(dy, "dy");
    require(x.shape[0] == dy.shape[0], "x and dy must have as many images");
    const int64_t C = x.shape[3], M = dy.shape[3], groups = options.group;
    require(C > 0 && M > 0 && C % groups == 0 && M % groups == 0,
            "the channels of x and dy must split into the groups");
    ConvWindow window = options.window;
    window.kernel = options.size;
    window.image = spatial(x);
    window.out = spatial(dy);
    ConvGrids grids;
    grids.forward(window);
    float *dw = c.output(0, {M, C / groups, window.kernel.h, window.kernel.w}), *dbias = c.output(1, {M});
    if (options.depthwise(C, M)) {
      ortune::DepthwiseWeight args{
          x.floats(), x.shape[0], window.image.h, window.image.w, C, dy.floats(), grids.grids.data(),
          nullptr,    dw,         dbias,          nullptr};
      args.partials = c.floats(partial_floats(args));
      c.run_with_scratch(kernels().depthwise_weight, args);
      return c.run(kernels().depthwise_weight_total, args, total_chunks(args));
    }
    ortune::ConvWeight args{};
    args.x = x.floats();
    args.images = x.shape[0];
    args.height = window.image.h;
    args.width = window.image.w;
    args.groups = groups;
    args.C = C / groups;
    args.M = M / groups;
    args.dy = dy.floats();
    args.grid = grids.grids.data();
    args.run = taps_in_run(window, groups, args.C);
    args.dw = dw;
    args.dbias = dbias;
    args.partials = c.floats(partial_floats(args));
    c.run_with_scratch(kernels().conv_weight, args);
    c.run(kernels().conv_weight_total, args, total_chunks(args));
  }
};

}  // namespace

std::vector<const OrtCustomOp*> conv_ops() {
  return {instance<Conv>(), instance<ConvInputGrad>(), instance<ConvWeightGrad>()};
}

}  // namespace custom_op
