// Convolution by panels: see conv_panels.h. A chunk's sums stay in the cache while taps and blocks of
// channels go by; places outside the image read a row of zeros.
#include "ops/conv_panels.h"

#include "ops/conv_places.h"
#include "ops/gemm_panels.h"

namespace ortune::ORTUNE_ISA {

void conv_panels_pack(const ConvPanelsPack& args, int64_t chunk) {
  const ConvPack& a = args.of;
  const int64_t panels = ceil_div(a.columns(), kGemmPanel), first = chunk % panels * kGemmPanel;
  const int64_t group = chunk / panels;
  const int64_t of_column = a.transposed ? a.taps : a.in * a.taps,
                of_row = a.transposed ? a.in * a.taps : a.taps;
  const float* filters = a.filters + group * a.out * a.in * a.taps;
  const int64_t deep = conv_depth(a.depth()), columns = smaller(kGemmPanel, a.columns() - first);
  const int64_t of_tap = packed_tap(a.columns(), a.depth());
  float* to = aligned(a.packed) + group * a.taps * of_tap + gemm_floats(first, deep);
  for (int64_t k = 0; k < a.depth(); k += deep, to += gemm_floats(a.columns(), deep))
    for (int64_t j = 0; j < columns; j += kRightLines)
      for (int64_t t = 0; t < a.taps; ++t)
        pack_panel<false>(Strided{filters + t + k * of_row + (first + j) * of_column, of_column, of_row},
                          columns - j, smaller(deep, a.depth() - k), to + t * of_tap + panel_floats(j, deep));
}

void conv_panels(const ConvPanels& args, int64_t chunk) {
  const Conv& a = args.of;
  const int64_t blocks = panel_column_blocks(args), column = chunk % blocks * kPanelColumns;
  const int64_t columns = smaller(kPanelColumns, a.M - column), group = chunk / blocks % a.groups;
  int64_t index = chunk / blocks / a.groups;
  const ConvGrid* grid = a.grids;
  for (; index >= grid_chunks(args, *grid); ++grid) index -= grid_chunks(args, *grid);
  const int64_t place = index * kPanelPlaces, taps = grid->tap_count;
  const int64_t places = smaller(kPanelPlaces, a.images * grid->rows * grid->columns - place);

  // Addresses [tap][place].
  const float** addresses = reinterpret_cast<const float**>(a.scratch);
  float** const out = reinterpret_cast<float**>(a.scratch) + kPanelPlaces * taps;
  float* const zeros = a.scratch + 2 * kPanelPlaces * (taps + 1);
  for (int64_t c = 0; c < a.C; ++c) zeros[c] = 0;
  const Source from = {a.x + group * a.C, a.height, a.width, a.groups * a.C, a.C};
  const Reach reach(*grid, 0, taps);
  Place at(*grid, place);
  for (int64_t p = 0; p < places; ++p, at.next(*grid)) {
    address_taps(from, reach, at, zeros, addresses + p, kPanelPlaces);
    const int64_t h = grid->start_h + at.i * grid->stride_h, w = grid->start_w + at.j * grid->stride_w;
    out[p] = a.y + (((at.image * a.out_height + h) * a.out_width + w) * a.groups + group) * a.M + column;
  }

  const Tiles tiles_in_use;
  const int64_t deep = conv_depth(a.C);
  float* const sums = aligned(zeros + a.C);
  float* const left = sums + kPanelPlaces * ceil_div(columns, kGemmPanel) * kGemmPanel;
  for (int64_t t = 0; t < taps; ++t) {
    const float* right = aligned(const_cast<float*>(a.packed)) +
                         (group * a.filter_taps + grid->taps[t].filter) * packed_tap(a.M, a.C);
    for (int64_t k = 0; k < a.C; k += deep, right += gemm_floats(a.M, deep)) {
      const int64_t depth = smaller(deep, a.C - k);
      for (int64_t i = 0; i < places; i += kLeftLines)
        pack_panel<true>(Addressed{addresses + t * kPanelPlaces + i, k}, places - i, depth,
                         left + panel_floats(i, deep));
      float* tile = sums;
      for (int64_t j = 0; j < columns; j += kRightLines) {
        const int64_t all = column + j;
        const float* panel =
            right + gemm_floats(all / kGemmPanel * kGemmPanel, deep) + panel_floats(all % kGemmPanel, deep);
        for (int64_t i = 0; i < places; i += kLeftLines, tile += kLeftLines * kRightLines)
          multiply_panels(left + panel_floats(i, deep), panel, depth, tile, t > 0 || k > 0);
      }
    }
  }
  const float* bias = a.bias ? a.bias + group * a.M + column : nullptr;
  const float* tile = sums;
  for (int64_t j = 0; j < columns; j += kRightLines)
    for (int64_t i = 0; i < places; i += kLeftLines, tile += kLeftLines * kRightLines)
      for (int64_t r = 0; r < smaller(kLeftLines, places - i); ++r)
        each(smaller(kRightLines, columns - j), [&](int64_t c, auto part) {
          F32 sum = taps > 0 ? load(tile + r * kRightLines + c, Full{}) : F32{};
          if (bias) sum += load(bias + j + c, part);
          store(out[i + r] + j + c, sum, part);
        });
}

}  // namespace ortune::ORTUNE_ISA
