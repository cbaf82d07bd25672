// The host's side of the device for testbenches: register accesses, rings, jobs, and what must hold in every cycle.
#pragma once

#include <cstdio>
#include <functional>
#include <memory>

#include "../../dma/dv/axi_model.h"
#include "Vdut.h"
#include "verilated.h"

inline void check(bool ok, const std::string &what) {
  if (!ok) throw std::runtime_error(what);
}

// Registers and codes, written out by hand from docs/spec/device.md.
enum Reg : uint32_t {
  MAGIC = 0x0, VERSION = 0x4, HASH_LO = 0x8, HASH_HI = 0xC, BUILD = 0x10, MSM_PARAMS = 0x14, NTT_PARAMS = 0x18,
  MEM_PARAMS = 0x1C, QUEUES = 0x20, CTRL = 0x40, STATUS = 0x44, CYCLES_LO = 0x48, PROGRESS_LO = 0x50, STAT_HOST_RD_LO = 0xA0,
  SQ_BASE_LO = 0x00, SQ_BASE_HI = 0x04, CQ_BASE_LO = 0x08, CQ_BASE_HI = 0x0C, LOG_ENTRIES = 0x10, ENABLE = 0x14,
  EPOCH = 0x18, IRQ_ENABLE = 0x1C, SQ_HEAD = 0x20, CQ_TAIL = 0x24, QUEUE_ERROR = 0x28, DOORBELL = 0x40,
};
enum Opcode : uint8_t { NOP = 0, COPY = 1, MSM = 2, NTT = 3 };
enum Flag : uint8_t { SRC0_DEV = 1, SRC1_DEV = 2, DST_DEV = 4, DUMP = 8, INVERSE = 16, COSET = 32, IRQ = 64 };
enum Cause : uint8_t {
  OK = 0, BAD_DESCRIPTOR = 1, BAD_OPCODE = 2, BAD_PHASE = 3, BAD_EPOCH = 4, BAD_LENGTH = 5, HOST_READ = 9, HOST_WRITE = 10,
  MEM_READ = 11, MEM_WRITE = 12, RESET = 13,
};

struct Job {
  uint8_t opcode = NOP, flags = 0, log_n = 0;
  uint32_t id = 0;
  uint64_t src0 = 0, src1 = 0, dst = 0, count = 0, dst_len = 0;
};

struct Done {
  uint32_t id;
  uint8_t status, opcode;
  uint16_t sq_head;
  uint64_t position, cycles, stalled, bubbles, issued, digest;
  uint32_t epoch;
};

inline uint64_t rotl(uint64_t x, unsigned by) { return by ? x << by | x >> (64 - by) : x; }

inline uint64_t digest(const std::vector<Beat> &beats) {
  uint64_t d = 0;
  for (const Beat &beat : beats) {
    d = rotl(d, 1);
    for (unsigned i = 0; i < 8; i++) d ^= rotl(beat[i], 8 * i);
  }
  return d;
}

class Device {
 public:
  Device(uint64_t seed, AxiTiming host_timing = {400, 500, 100}, AxiTiming mem_timing = {120, 160, 100})
      : rng(seed), host("host", AXI_PINS(top, m_host), seed + 1), mem("mem", AXI_PINS(top, m_mem), seed + 2) {
    host.timing = host_timing;
    mem.timing = mem_timing;
    top.clk_i = 0;
    top.rst_ni = 0;
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_arvalid = top.s_axil_bready = top.s_axil_rready = 0;
    for (unsigned i = 0; i < 5; i++) tick();
    top.rst_ni = 1;
    tick();
  }

  void tick() {
    top.eval();
    if (top.rst_ni) {
      host.sample(now);
      mem.sample(now);
    }
    top.clk_i = 1;
    top.eval();
    now++;
    host.drive(now);
    mem.drive(now);
    top.clk_i = 0;
    top.eval();
    if (top.rst_ni && every_cycle) every_cycle();
    for (unsigned q = 0; q < 3; q++) irqs[q] += top.irq_o >> q & 1;
  }
  void run(unsigned cycles) {
    while (cycles--) tick();
  }
  void until(const std::function<bool()> &condition, const char *what, unsigned bound = 200000) {
    while (!condition()) {
      check(bound--, std::string("waited in vain for ") + what);
      tick();
    }
  }

  void write(uint32_t address, uint32_t value) {
    top.s_axil_awaddr = uint16_t(address);
    top.s_axil_wdata = value;
    top.s_axil_wstrb = 15;
    // Address and data come in either order, the response is taken at leisure.
    int aw_wait = int(rng() % 3), w_wait = int(rng() % 3), b_wait = int(rng() % 3);
    bool aw = false, w = false, b = false;
    for (unsigned i = 0; !b; i++) {
      check(i < 100, "an answer to a register write");
      top.s_axil_awvalid = !aw && aw_wait-- <= 0;
      top.s_axil_wvalid = !w && w_wait-- <= 0;
      top.eval();
      top.s_axil_bready = top.s_axil_bvalid && b_wait-- <= 0;
      top.eval();
      const bool aw_now = top.s_axil_awvalid && top.s_axil_awready, w_now = top.s_axil_wvalid && top.s_axil_wready;
      b = top.s_axil_bvalid && top.s_axil_bready;
      check(!b || top.s_axil_bresp == 0, "OKAY to a register write");
      tick();
      aw |= aw_now;
      w |= w_now;
    }
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_bready = 0;
    top.eval();
  }

  uint32_t read(uint32_t address) {
    top.s_axil_araddr = uint16_t(address);
    bool ar = false;
    int r_wait = int(rng() % 3);
    for (unsigned i = 0; i < 100; i++) {
      top.s_axil_arvalid = !ar;
      top.eval();
      top.s_axil_rready = top.s_axil_rvalid && r_wait-- <= 0;
      top.eval();
      const bool ar_now = top.s_axil_arvalid && top.s_axil_arready;
      const bool r = top.s_axil_rvalid && top.s_axil_rready;
      const uint32_t value = top.s_axil_rdata;
      tick();
      ar |= ar_now;
      if (r) {
        top.s_axil_arvalid = top.s_axil_rready = 0;
        top.eval();
        return value;
      }
    }
    throw std::runtime_error("no answer to a register read");
  }
  uint64_t read64(uint32_t address) {
    const uint64_t low = read(address);
    return low | uint64_t(read(address + 4)) << 32;
  }

  std::mt19937_64 rng;
  Vdut top;
  AxiModel host, mem;
  uint64_t now = 0;
  unsigned irqs[3] = {};
  std::function<void()> every_cycle;
};

// One queue as its owner sees it.
class Queue {
 public:
  Queue(Device &device, unsigned index, unsigned log_entries)
      : d(device), index(index), page(0x1000 + 0x1000 * index), log(log_entries), size(1u << log_entries),
        sq(0x7f0000000000 + (uint64_t(index) << 20)), cq(0x7f0000040000 + (uint64_t(index) << 20)) {}

  void enable(uint32_t new_epoch) {
    epoch = new_epoch;
    for (unsigned i = 0; i < size; i++) d.host.set(sq + 64 * i, Beat{}), d.host.set(cq + 64 * i, Beat{});
    tail = head = 0;
    sq_phase = cq_phase = true;
    d.write(page + SQ_BASE_LO, uint32_t(sq));
    d.write(page + SQ_BASE_HI, uint32_t(sq >> 32));
    d.write(page + CQ_BASE_LO, uint32_t(cq));
    d.write(page + CQ_BASE_HI, uint32_t(cq >> 32));
    d.write(page + LOG_ENTRIES, log);
    d.write(page + EPOCH, epoch);
    d.write(page + IRQ_ENABLE, 1);
    d.write(page + ENABLE, 1);
  }
  void disable() {
    d.write(page + ENABLE, 0);
    d.until([&] { return d.read(page + ENABLE) == 0; }, "the queue to be quiet");
  }

  Beat encode(const Job &j) const {
    Beat b{};
    b[0] = j.opcode | uint64_t(j.flags) << 8 | uint64_t(j.log_n) << 16 | uint64_t(j.id) << 32;
    b[1] = j.src0;
    b[2] = j.src1;
    b[3] = j.dst;
    b[4] = j.count;
    b[5] = j.dst_len;
    b[7] = epoch | uint64_t(sq_phase) << 32;
    return b;
  }
  unsigned room() const { return (size - 1 - ((tail - sq_head) & (size - 1))); }
  void put_raw(const Beat &beat) {
    d.host.set(sq + 64 * tail, beat);
    tail = (tail + 1) & (size - 1);
    if (!tail) sq_phase = !sq_phase;
  }
  void put(const Job &j) { put_raw(encode(j)); }
  // One register says both: what was written and what was read.
  void ring() { d.write(page + DOORBELL, tail | head << 16); }
  void submit(const Job &j) { put(j), ring(); }

  // The entry at the head of the completion ring has this lap's phase.
  bool ready() const { return (d.host.get(cq + 64 * head)[7] >> 32 & 1) == cq_phase; }
  Done take(bool tell = true) {
    const Beat b = d.host.get(cq + 64 * head);
    Done c{uint32_t(b[0]), uint8_t(b[0] >> 32), uint8_t(b[0] >> 40), uint16_t(b[0] >> 48),
           b[1], b[2], b[3], b[4], b[5], b[6], uint32_t(b[7])};
    check(b[7] >> 33 == 0, "zeros behind the phase bit");
    check(c.epoch == epoch, "the completion's epoch");
    sq_head = c.sq_head;
    head = (head + 1) & (size - 1);
    if (!head) cq_phase = !cq_phase;
    if (tell) ring();
    return c;
  }
  Done wait(const char *what = "a completion") {
    d.until([&] { return ready(); }, what);
    return take();
  }

  Device &d;
  unsigned index;
  uint32_t page;
  unsigned log, size;
  uint64_t sq, cq;
  uint32_t epoch = 0;
  unsigned tail = 0, head = 0, sq_head = 0;
  bool sq_phase = true, cq_phase = true;
};
