// Products of a float32 matrix A, or of the rows of a tensor, with a matrix B, each read transposed where
// transA or transB says so: y = A B + bias. Gemm computes in float32, GemmBf16 from operands rounded to
// bfloat16 with sums in float32.
#include "ops/gemm.h"
#include "ops/gemm_bf16.h"
#include "session/custom_op.h"

namespace custom_op {
namespace {

using ortune::kernels;

/// What is multiplied: operands whose shapes fit, and memory for the result.
struct Operands {
  ortune::Matrix a, b;
  const float* bias;
  float* c;
  int64_t rows, columns, depth;
};

/// Ports and attributes of both.
struct ProductOp {
  static constexpr Port kInputs[] = {{kFloat}, {kFloat}, {kFloat, true}};  // A, B, bias
  static constexpr Port kOutputs[] = {{kFloat}};
  static constexpr int kInPlaceInput = -1;
  const bool of_a, of_b;
  explicit ProductOp(const Attributes& a)
      : of_a(a.integer("transA", 0) != 0), of_b(a.integer("transB", 0) != 0) {}

  Operands operands(const Context& c) const {
    const Input a = c.input(0), b = c.input(1), bias = c.input(2);
    require(a.shape.size() == 2 || (a.shape.size() > 2 && !of_a),
            "A must be a matrix, or rows that are not transposed");
    require(b.shape.size() == 2, "B must be a matrix");
    Operands found{};
    found.rows = of_a ? a.shape[1] : a.rows();
    found.depth = of_a ? a.shape[0] : a.shape.back();
    found.columns = b.shape[of_b ? 0 : 1];
    require(b.shape[of_b ? 1 : 0] == found.depth, "a row of A has " + std::to_string(found.depth) +
                                                      " elements, a column of B " +
                                                      std::to_string(b.shape[of_b ? 1 : 0]));
    require(!bias || bias.count() == found.columns,
            "the bias must have an element for each of the " + std::to_string(found.columns) + " columns");
    std::vector<int64_t> shape = a.shape;
    shape[0] = of_a ? found.rows : shape[0];
    shape.back() = found.columns;
    found.a = matrix(a, of_a);
    found.b = matrix(b, of_b);
    found.bias = bias.floats();
    found.c = c.output(0, shape);
    return found;
  }

  static ortune::Matrix matrix(const Input& x, bool transposed) {
    const int64_t columns = x.shape.back();
    return transposed ? ortune::Matrix{x.floats(), 1, columns} : ortune::Matrix{x.floats(), columns, 1};
  }
};

struct Gemm : ProductOp {
  static constexpr const char* kName = "Gemm";
  using ProductOp::ProductOp;

  void compute(Context& c) const {
    const Operands o = operands(c);
    ortune::Gemm args{o.a, o.b, o.c, o.rows, o.columns, o.depth, o.bias, nullptr, nullptr, nullptr};
    args.packed = c.floats(packed_floats(args) + partial_floats(args));
    args.partials = args.packed + packed_floats(args);
    c.run(kernels().gemm_pack, args, pack_chunks(args));
    c.run_with_scratch(kernels().gemm, args);
    c.run(kernels().gemm_total, args, total_chunks(args));
  }
};

struct GemmBf16 : ProductOp {
  static constexpr const char* kName = "GemmBf16";
  using ProductOp::ProductOp;

  void compute(Context& c) const {
    const Operands o = operands(c);
    ortune::GemmBf16 args{o.a, o.b, o.c, o.rows, o.columns, o.depth, o.bias, nullptr, nullptr};
    args.left = reinterpret_cast<uint32_t*>(c.floats(left_pairs(args) + right_pairs(args)));
    args.right = args.left + left_pairs(args);
    c.run(kernels().gemm_bf16_pack, args, pack_chunks(args));
    c.run(kernels().gemm_bf16, args);
  }
};

}  // namespace

std::vector<const OrtCustomOp*> gemm_ops() { return {instance<Gemm>(), instance<GemmBf16>()}; }

}  // namespace custom_op
