// mr_modadd and mr_modsub against Python's integers.
// dv: fq -GField=0
// dv: fr -GField=1
#include <deque>
#include <fstream>

#include "Vdut.h"
#include "verilated.h"
#include "wide.h"

int main(int argc, char** argv) {
  VerilatedContext ctx;
  ctx.commandArgs(argc, argv);
  Vdut dut{&ctx};
  const auto edge = [&] {
    dut.clk_i = 1;
    dut.eval();
    dut.clk_i = 0;
    dut.eval();
  };
  dut.clk_i = 0;
  dut.valid_i = 0;
  dut.rst_ni = 0;
  dut.eval();  // the first eval sees no edge
  edge();
  dut.rst_ni = 1;

  std::ifstream in(argv[1]);
  std::deque<std::pair<Wide, Wide>> expected;
  size_t compared = 0;
  int field = 0;
  std::string a, b, sum, diff;
  const auto check = [&] {
    if (dut.sum_valid_o != dut.diff_valid_o) return false;
    if (!dut.sum_valid_o) return true;
    if (expected.empty()) return false;
    const auto [want_sum, want_diff] = expected.front();
    expected.pop_front();
    ++compared;
    if (sample(dut.sum_o) == want_sum && sample(dut.diff_o) == want_diff) return true;
    std::printf("result %zu\n  sum  expected %s got %s\n  diff expected %s got %s\n", compared, wide_to_hex(want_sum).c_str(),
                wide_to_hex(sample(dut.sum_o)).c_str(), wide_to_hex(want_diff).c_str(), wide_to_hex(sample(dut.diff_o)).c_str());
    return false;
  };
  while (in >> field >> a >> b >> sum >> diff) {
    if (field != G_Field) continue;
    dut.valid_i = 1;
    drive(dut.a_i, wide_from_hex(a));
    drive(dut.b_i, wide_from_hex(b));
    expected.push_back({wide_from_hex(sum), wide_from_hex(diff)});
    edge();
    if (!check()) return 1;
    if (compared % 3 == 0) {
      dut.valid_i = 0;
      edge();
      if (!check()) return 1;
    }
  }
  dut.valid_i = 0;
  for (int i = 0; i < 4; ++i) {
    edge();
    if (!check()) return 1;
  }
  std::printf("%zu sums and differences\n", compared);
  return compared > 2000 && expected.empty() ? 0 : 1;
}
