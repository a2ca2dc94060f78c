// Gemm: y = A B + bias of two float32 matrices, each read transposed where transA or transB says so.
#include "ops/gemm.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

struct Gemm {
  static constexpr const char* kName = "Gemm";
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat, true}};  // A, B, bias
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const bool of_a, of_b;
  explicit Gemm(const Attributes& a) : of_a(a.integer("transA", 0) != 0), of_b(a.integer("transB", 0) != 0) {}

  void compute(Context& c) const {
    const Input a = c.input(0), b = c.input(1), bias = c.input(2);
    require(a.shape.size() == 2 && b.shape.size() == 2, "A and B must be matrices");
    ortune::Gemm args{};
    args.rows = a.shape[of_a ? 1 : 0];
    args.depth = a.shape[of_a ? 0 : 1];
    args.columns = b.shape[of_b ? 0 : 1];
    require(b.shape[of_b ? 1 : 0] == args.depth, "a row of A has " + std::to_string(args.depth) +
                                                     " elements, a column of B " +
                                                     std::to_string(b.shape[of_b ? 1 : 0]));
    require(!bias || bias.count() == args.columns,
            "the bias must have an element for each of the " + std::to_string(args.columns) + " columns");
    args.a = matrix(a, of_a);
    args.b = matrix(b, of_b);
    args.c = c.output(0, {args.rows, args.columns});
    args.bias = bias.floats();
    args.packed = c.floats(packed_floats(args) + partial_floats(args));
    args.partials = args.packed + packed_floats(args);
    c.run(kernels().gemm_pack, args, pack_chunks(args));
    c.run_with_scratch(kernels().gemm, args);
    c.run(kernels().gemm_total, args, total_chunks(args));
  }

  static ortune::Matrix matrix(const Input& x, bool transposed) {
    return transposed ? ortune::Matrix{x.floats(), 1, x.shape[1]} : ortune::Matrix{x.floats(), x.shape[1], 1};
  }
};

}  // namespace

std::vector<const OrtCustomOp*> gemm_ops() { return {instance<Gemm>()}; }

}  // namespace custom_op
