// Drives mr_ntt_tb pin by pin: job in, DMA channels with latency and random stalls, completion out.
#pragma once
#include "Vdut.h"
#include "golden.h"
#include "verilated.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <vector>

using Beat = std::array<uint64_t, 8>;

struct Job {
  unsigned log_n = 0;
  bool inverse = false, coset = false, src_dev = false, dst_dev = false;
  uint64_t src = 0, dst = 0, count = 0, dst_len = 0;  // bytes, bytes, values, bytes
  std::vector<golden::Fr> values;
  int64_t read_error_beat = -1;  // this beat comes with an error
  bool write_error = false;      // at the second beat's address
};

struct Outcome {
  unsigned status = 0;
  uint64_t position = 0, cycles = 0, stalled = 0, bubbles = 0, issued = 0, digest = 0;
  unsigned read_requests = 0, write_requests = 0;
  uint64_t stat_butterflies = 0, measured_cycles = 0;
  std::vector<Beat> written;
};

inline uint64_t digest_of(const std::vector<Beat>& beats) {
  uint64_t d = 0;
  for (const auto& beat : beats) {
    d = d << 1 | d >> 63;
    for (int i = 0; i < 8; i++) d ^= i ? beat[i] << 8 * i | beat[i] >> (64 - 8 * i) : beat[i];
  }
  return d;
}

template <class Wide>
void put(Wide& wide, unsigned low, unsigned width, uint64_t value) {
  for (unsigned i = 0; i < width; i++) {
    const uint32_t bit = 1u << ((low + i) % 32);
    if (value >> i & 1) wide[(low + i) / 32] |= bit;
    else wide[(low + i) / 32] &= ~bit;
  }
}

template <class Wide>
uint64_t get(const Wide& wide, unsigned low, unsigned width) {
  uint64_t value = 0;
  for (unsigned i = 0; i < width; i++) value |= uint64_t(wide[(low + i) / 32] >> ((low + i) % 32) & 1) << i;
  return value;
}

class Bench {
 public:
  Bench(int argc, char** argv) {
    context_->commandArgs(argc, argv);
    state_ ^= uint64_t(context_->randSeed()) << 32;
    dut_ = std::make_unique<Vdut>(context_.get());
    dut_->eval();
  }
  ~Bench() { dut_->final(); }

  unsigned log_max() const { return dut_->log_max_o; }
  int failures() const { return failures_; }
  uint64_t jobs() const { return jobs_; }
  uint64_t table_cycles() const { return table_cycles_; }
  void set_stalls(unsigned percent) { stalls_ = percent; }  // of cycles in which a channel does not move
  void set_latency(unsigned cycles) { latency_ = cycles; }  // of reads and of write responses

  uint64_t random() {  // xorshift64*
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }

  __attribute__((format(printf, 3, 4))) void check(bool good, const char* format, ...) {
    if (good) return;
    if (++failures_ > 20) return;
    va_list args;
    va_start(args, format);
    std::printf("cycle %llu, job %llu: ", (unsigned long long)now_, (unsigned long long)jobs_);
    std::vprintf(format, args);
    std::printf("\n");
    va_end(args);
  }

  // Reset, then wait until the engine takes commands.
  void reset() {
    idle_inputs();
    dut_->rst_ni = 0;
    for (int i = 0; i < 3; i++) tick();
    dut_->rst_ni = 1;
    const uint64_t start = now_;
    for (;;) {
      dut_->eval();
      if (dut_->cmd_ready_o) break;
      check(dut_->stat_activity_o || now_ - start < (4u << log_max()) + 10000, "no end of start-up");
      if (now_ - start > (8u << log_max()) + 20000) std::exit(1);
      tick();
    }
    table_cycles_ = now_ - start;
  }

  bool residue() {
    dut_->probe_i = 1;
    tick();
    dut_->probe_i = 0;
    dut_->eval();
    return dut_->residue_o;
  }

  Outcome run(const Job& job) { return run_until(job, ~0ull); }

  // Starts the job, resets the engine `cycles` later (or after the job), as the top does: DMA channels flushed.
  void reset_during(const Job& job, uint64_t cycles) {
    run_until(job, cycles);
    reset();
  }

 private:
  void idle_inputs() {
    dut_->cmd_valid_i = dut_->rd_req_ready_i = dut_->rd_valid_i = dut_->wr_req_ready_i = 0;
    dut_->wr_ready_i = dut_->wr_done_valid_i = dut_->done_ready_i = dut_->probe_i = 0;
  }

  // One clock with the inputs as they are.
  void tick() {
    dut_->clk_i = 0;
    dut_->eval();
    dut_->clk_i = 1;
    dut_->eval();
    now_++;
    context_->timeInc(1);
  }

  bool moves() { return random() % 100 >= stalls_; }

  void put_command(const Job& job) {
    auto& c = dut_->cmd_i;
    const struct { unsigned width; uint64_t value; } fields[] = {  // cmd_t from its last field upwards
        {64, job.dst_len}, {64, job.count}, {64, job.dst}, {64, 0}, {64, job.src}, {8, job.log_n}, {1, 0},
        {1, job.coset},    {1, job.inverse}, {1, 0}, {1, job.dst_dev}, {1, 0}, {1, job.src_dev}, {8, 3}};
    unsigned low = 0;
    for (const auto& f : fields) {
      put(c, low, f.width, f.value);
      low += f.width;
    }
  }

  Outcome run_until(const Job& job, uint64_t limit) {
    Outcome out;
    jobs_++;
    const uint64_t beats = job.values.size() / 2;
    uint64_t begin = 0, first_beat = 0, response = 0, beat = 0;
    bool accepted = false, rd_open = false, rd_shown = false, wr_open = false, answered = false;
    put_command(job);
    const uint64_t start = now_;
    for (uint64_t n = 0; n < limit; n++) {
      // Inputs; a payload that was shown stays until it is taken.
      dut_->cmd_valid_i = !accepted;
      dut_->rd_req_ready_i = moves();
      rd_shown = rd_open && beat < beats && now_ >= first_beat && (rd_shown || moves());
      dut_->rd_valid_i = rd_shown;
      if (rd_shown) put_beat(job, beat);
      dut_->wr_req_ready_i = moves();
      dut_->wr_ready_i = wr_open && moves();
      dut_->wr_done_valid_i = wr_open && !answered && out.written.size() == beats && now_ >= response;
      put(dut_->wr_done_i, 0, 64, job.dst + 64);
      put(dut_->wr_done_i, 64, 1, job.write_error);
      dut_->done_ready_i = moves();
      dut_->clk_i = 0;
      dut_->eval();

      // What the coming edge takes.
      if (!accepted && dut_->cmd_ready_o) {
        accepted = true;
        begin = now_ + 1;
      }
      if (dut_->rd_req_valid_o && dut_->rd_req_ready_i) {
        check(get(dut_->rd_req_o, 0, 32) == beats && get(dut_->rd_req_o, 32, 64) == job.src &&
                  get(dut_->rd_req_o, 96, 1) == job.src_dev && !rd_open, "read request");
        out.read_requests++;
        rd_open = true;
        first_beat = now_ + 1 + latency_ + (stalls_ ? random() % 50 : 0);
      }
      if (rd_shown && dut_->rd_ready_o) {
        beat++;
        rd_shown = false;
      }
      if (dut_->wr_req_valid_o && dut_->wr_req_ready_i) {
        check(get(dut_->wr_req_o, 0, 32) == beats && get(dut_->wr_req_o, 32, 64) == job.dst &&
                  get(dut_->wr_req_o, 96, 1) == job.dst_dev && !wr_open && beat == beats, "write request");
        out.write_requests++;
        wr_open = true;
      }
      if (dut_->wr_valid_o && dut_->wr_ready_i) {
        Beat data;
        for (int i = 0; i < 8; i++) data[i] = dut_->wr_data_o[2 * i] | uint64_t(dut_->wr_data_o[2 * i + 1]) << 32;
        out.written.push_back(data);
        response = now_ + 1 + latency_ / 4 + (stalls_ ? random() % 50 : 0);
      }
      answered |= dut_->wr_done_valid_i;
      out.stat_butterflies += dut_->stat_butterflies_o;
      if (dut_->done_valid_o && !out.measured_cycles) out.measured_cycles = now_ - begin;
      const bool done = dut_->done_valid_o && dut_->done_ready_i;
      if (done) {
        auto& d = dut_->done_o;
        uint64_t* const fields[] = {&out.digest, &out.issued, &out.bubbles, &out.stalled, &out.cycles, &out.position};
        for (int i = 0; i < 6; i++) *fields[i] = get(d, 64 * i, 64);
        out.status = get(d, 384, 8);
      }
      tick();
      if (done) {
        check(!out.read_requests || beat == beats, "%llu beats taken", (unsigned long long)beat);
        idle_inputs();
        return out;
      }
      if (now_ - start > 1000000) {
        std::printf("job %llu hangs\n", (unsigned long long)jobs_);
        std::exit(1);
      }
    }
    idle_inputs();
    return out;
  }

  void put_beat(const Job& job, uint64_t beat) {
    auto& d = dut_->rd_beat_i;
    const bool bad = int64_t(beat) == job.read_error_beat;
    for (int i = 0; i < 8; i++) {
      const uint64_t word = bad ? 0 : job.values[2 * beat + i / 4][i % 4];
      d[2 * i] = (uint32_t)word;
      d[2 * i + 1] = (uint32_t)(word >> 32);
    }
    d[16] = bad;
  }

  std::unique_ptr<VerilatedContext> context_ = std::make_unique<VerilatedContext>();
  std::unique_ptr<Vdut> dut_;
  uint64_t state_ = 0x9e3779b97f4a7c15, now_ = 0, jobs_ = 0, table_cycles_ = 0;
  unsigned stalls_ = 0, latency_ = 30;
  int failures_ = 0;
};
