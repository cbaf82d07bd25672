// mr_delay against a queue of the values that went in.
// dv: w8d2 -GWidth=8 -GDepth=2
// dv: w8d3 -GWidth=8 -GDepth=3
// dv: w40d17 -GWidth=40 -GDepth=17
// dv: w8d64 -GWidth=8 -GDepth=64
#include <cstdint>
#include <cstdio>
#include <deque>
#include <random>

#include "Vdut.h"
#include "verilated.h"

int main(int argc, char** argv) {
  VerilatedContext ctx;
  ctx.commandArgs(argc, argv);
  Vdut dut{&ctx};
  std::mt19937_64 rng{7};
  const uint64_t mask = (uint64_t{1} << G_Width) - 1;
  const size_t depth = G_Depth;
  const auto edge = [&] {
    dut.clk_i = 1;
    dut.eval();
    dut.clk_i = 0;
    dut.eval();
  };
  dut.clk_i = 0;
  dut.rst_ni = 0;
  dut.eval();  // the first eval sees no edge
  edge();
  dut.rst_ni = 1;
  std::deque<uint64_t> sent;
  unsigned long compared = 0;
  for (int cycle = 0; cycle < 5000; ++cycle) {
    const uint64_t value = rng() & mask;
    dut.d_i = value;
    sent.push_back(value);
    edge();
    if (sent.size() < depth) continue;
    if (dut.q_o != sent.front()) {
      std::printf("cycle %d: expected %llx, got %llx\n", cycle, (unsigned long long)sent.front(),
                  (unsigned long long)dut.q_o);
      return 1;
    }
    sent.pop_front();
    ++compared;
  }
  std::printf("depth %zu: %lu words\n", depth, compared);
  return compared > 4900 ? 0 : 1;
}
