#include "shim.h"

#include <cstring>
#include <memory>
#include <vector>

#include "Vmr_device.h"
#include "axi_memory.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif

namespace {

constexpr unsigned kResetCycles = 16;
constexpr unsigned kMmioBound = 4096;

// Names follow the ports of mr_device: prefix m_host or m_mem.
#define AXI_PINS(top, p)                                                                                                   \
  AxiPins {                                                                                                                \
    &top.p##_awid, &top.p##_awvalid, &top.p##_awready, &top.p##_awlen, &top.p##_awaddr, top.p##_wdata.data(), &top.p##_wstrb, \
        &top.p##_wlast, &top.p##_wvalid, &top.p##_wready, &top.p##_bid, &top.p##_bresp, &top.p##_bvalid, &top.p##_bready,      \
        &top.p##_arid, &top.p##_arvalid, &top.p##_arready, &top.p##_arlen, &top.p##_araddr, &top.p##_rid,                     \
        top.p##_rdata.data(), &top.p##_rresp, &top.p##_rlast, &top.p##_rvalid, &top.p##_rready                                \
  }

class DeviceMemory {
 public:
  explicit DeviceMemory(uint64_t bytes) : bytes_(bytes) {}
  int read(uint64_t address, uint8_t *to) const {
    if (!inside(address)) return 1;
    std::memcpy(to, &bytes_[address], 64);
    return 0;
  }
  int write(uint64_t address, const uint8_t *from, uint64_t strobes) {
    if (!inside(address)) return 1;
    for (unsigned i = 0; i < 64; i++)
      if (strobes >> i & 1) bytes_[address + i] = from[i];
    return 0;
  }
  void flip(uint64_t address, uint32_t bit) {
    if (address < bytes_.size()) bytes_[address] ^= uint8_t(1u << (bit & 7));
  }

 private:
  bool inside(uint64_t address) const { return address % 64 == 0 && address < bytes_.size(); }
  std::vector<uint8_t> bytes_;
};

}  // namespace

struct mr_sim {
  explicit mr_sim(const mr_sim_config &c)
      : memory(c.memory_bytes),
        context(seeded(c.seed)),
        top(context.get(), "mr_device"),
        host_port(AXI_PINS(top, m_host), Rng(c.seed + 1), c.host_latency_min, c.host_latency_max, c.stall_per_1024,
                  [this, c](uint64_t a, uint8_t *to) { return c.host_read(c.context, cycles, a, to); },
                  [this, c](uint64_t a, const uint8_t *from, uint64_t s) { return c.host_write(c.context, cycles, a, from, s); }),
        memory_port(AXI_PINS(top, m_mem), Rng(c.seed + 2), c.memory_latency_min, c.memory_latency_max, c.stall_per_1024,
                    [this](uint64_t a, uint8_t *to) { return memory.read(a, to); },
                    [this](uint64_t a, const uint8_t *from, uint64_t s) { return memory.write(a, from, s); }) {
    top.clk_i = 0;
    top.rst_ni = 0;
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = top.s_axil_arvalid = top.s_axil_rready = 0;
    top.eval();
    for (unsigned i = 0; i < kResetCycles; i++) edge();
    top.rst_ni = 1;
    top.eval();
    cycles = 0;
  }

  static std::unique_ptr<VerilatedContext> seeded(uint64_t seed) {
    auto made = std::make_unique<VerilatedContext>();
    made->randReset(2);
    made->randSeed(int(seed % 0x7fffffff) + 1);
    made->traceEverOn(true);
    return made;
  }

  void dump() {
#if VM_TRACE_FST
    if (!trace) return;
    trace->dump(context->time());
    if (cycles >= trace_until) stop_trace();
#endif
  }

  // One clock cycle: from the settled low phase over the rising edge back to the settled low phase.
  void edge() {
    host_port.sample();
    memory_port.sample();
    top.clk_i = 1;
    top.eval();
    context->timeInc(1);
    dump();
    cycles++;
    host_port.drive(cycles);
    memory_port.drive(cycles);
    top.clk_i = 0;
    top.eval();
    context->timeInc(1);
    dump();
    irqs |= top.irq_o;
  }

  int start_trace(const char *path, uint64_t max_cycles) {
#if VM_TRACE_FST
    stop_trace();
    trace = std::make_unique<VerilatedFstC>();
    top.trace(trace.get(), 99);
    trace->open(path);
    if (!trace->isOpen()) {
      trace.reset();
      return -1;
    }
    trace_until = cycles + max_cycles;
    return 0;
#else
    (void)path;
    (void)max_cycles;
    return -1;
#endif
  }

  void stop_trace() {
#if VM_TRACE_FST
    if (trace) trace->close();
    trace.reset();
#endif
  }

  DeviceMemory memory;
  std::unique_ptr<VerilatedContext> context;
  Vmr_device top;
  AxiMemory host_port, memory_port;
  uint64_t cycles = 0;
  uint32_t irqs = 0;
#if VM_TRACE_FST
  std::unique_ptr<VerilatedFstC> trace;
  uint64_t trace_until = 0;
#endif
};

mr_sim *mr_sim_new(const mr_sim_config *config) { return new mr_sim(*config); }

void mr_sim_free(mr_sim *sim) {
  if (!sim) return;
  sim->stop_trace();
  sim->top.final();
  delete sim;
}

mr_sim_step_result mr_sim_step(mr_sim *sim, uint64_t max_cycles) {
  const uint64_t start = sim->cycles;
  while (sim->cycles - start < max_cycles && !sim->irqs && sim->top.busy_o) sim->edge();
  mr_sim_step_result result{sim->cycles - start, sim->irqs, uint8_t(sim->top.busy_o)};
  sim->irqs = 0;
  return result;
}

uint32_t mr_sim_read32(mr_sim *sim, uint32_t offset) {
  auto &top = sim->top;
  top.s_axil_araddr = uint16_t(offset);
  top.s_axil_arvalid = 1;
  top.s_axil_rready = 1;
  top.eval();
  uint32_t value = UINT32_MAX;
  for (unsigned i = 0; i < kMmioBound; i++) {
    const bool accepted = top.s_axil_arvalid && top.s_axil_arready;
    const bool answered = top.s_axil_rvalid;
    if (answered) value = top.s_axil_rdata;
    sim->edge();
    if (accepted) top.s_axil_arvalid = 0;
    if (answered) break;
    top.eval();
  }
  top.s_axil_arvalid = top.s_axil_rready = 0;
  top.eval();
  return value;
}

void mr_sim_write32(mr_sim *sim, uint32_t offset, uint32_t value) {
  auto &top = sim->top;
  top.s_axil_awaddr = uint16_t(offset);
  top.s_axil_wdata = value;
  top.s_axil_wstrb = 0xF;
  top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = 1;
  top.eval();
  for (unsigned i = 0; i < kMmioBound; i++) {
    const bool address = top.s_axil_awvalid && top.s_axil_awready;
    const bool data = top.s_axil_wvalid && top.s_axil_wready;
    const bool answered = top.s_axil_bvalid;
    sim->edge();
    if (address) top.s_axil_awvalid = 0;
    if (data) top.s_axil_wvalid = 0;
    if (answered) break;
    top.eval();
  }
  top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = 0;
  top.eval();
}

uint64_t mr_sim_cycles(const mr_sim *sim) { return sim->cycles; }

int mr_sim_trace_start(mr_sim *sim, const char *path, uint64_t max_cycles) { return sim->start_trace(path, max_cycles); }

void mr_sim_trace_stop(mr_sim *sim) { sim->stop_trace(); }

void mr_sim_flip_memory_bit(mr_sim *sim, uint64_t address, uint32_t bit) { sim->memory.flip(address, bit); }
