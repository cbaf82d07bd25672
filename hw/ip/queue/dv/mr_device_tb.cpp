// The device's rings, dispatch, copies, errors and resets, with stand-ins for the two engines (mr_stub_engine.sv).
#include <algorithm>

#include "host.h"

// dv: one --top-module mr_device --relative-includes -GNumQueues=1
// dv: two --top-module mr_device --relative-includes
// dv: three --top-module mr_device --relative-includes -GNumQueues=3

namespace {

constexpr uint64_t kHang = 1ull << 63;
constexpr uint64_t kSrc = 0x10000000, kSrc2 = 0x20000000, kDst = 0x30000000;

Job nop(uint32_t id) { return Job{NOP, IRQ, 0, id}; }
Job stub(uint8_t opcode, uint32_t id, uint64_t beats, uint64_t wait, uint8_t flags = 0) {
  Job j{opcode, uint8_t(flags | IRQ), 0, id, kSrc + 0x100000ull * id, 0, kDst + 0x1000ull * id, beats, wait};
  if (opcode == MSM) j.src1 = kSrc2 + 0x100000ull * id;
  return j;
}
Job copy(uint32_t id, uint64_t src, uint64_t dst, uint64_t bytes, uint8_t flags) {
  return Job{COPY, uint8_t(flags | IRQ), 0, id, src, 0, dst, bytes, bytes};
}

// What mr_stub_engine writes: the XOR of what it read, and its complement.
Beat stub_result(Device &d, const Job &j) {
  Beat sum{};
  for (uint64_t i = 0; i < j.count; i++) {
    const Beat a = (j.flags & SRC0_DEV ? d.mem : d.host).get(j.src0 + 64 * i);
    const Beat b = j.opcode == MSM ? (j.flags & SRC1_DEV ? d.mem : d.host).get(j.src1 + 64 * i) : Beat{};
    for (unsigned k = 0; k < 8; k++) sum[k] ^= a[k] ^ b[k];
  }
  return sum;
}
void check_stub(Device &d, const Job &j) {
  AxiModel &to = j.flags & DST_DEV ? d.mem : d.host;
  Beat sum = stub_result(d, j);
  check(to.get(j.dst) == sum, "first beat of a result");
  for (auto &w : sum) w = ~w;
  check(to.get(j.dst + 64) == sum, "second beat of a result");
}
void check_copy(Device &d, const Job &j, const Done &c) {
  std::vector<Beat> beats;
  for (uint64_t at = 0; at < j.count; at += 64) {
    beats.push_back((j.flags & SRC0_DEV ? d.mem : d.host).get(j.src0 + at));
    check((j.flags & DST_DEV ? d.mem : d.host).get(j.dst + at) == beats.back(), "a copied beat");
  }
  check(c.digest == digest(beats), "digest of a copy");
  check(c.issued == beats.size() && c.cycles > beats.size() && c.stalled < c.cycles && c.bubbles == 0, "counters of a copy");
}
void expect(const Done &c, uint32_t id, uint8_t status, uint64_t position) {
  if (c.id != id || c.status != status || c.position != position)
    throw std::runtime_error("job " + std::to_string(id) + ": completion says id " + std::to_string(c.id) + " status " +
                             std::to_string(c.status) + " position " + std::to_string(c.position));
}
void quiet(Device &d) {
  d.until([&] { return !d.top.busy_o; }, "busy to fall");
  check(d.host.quiet() && d.mem.quiet(), "busy fell while a burst was under way");
  const uint64_t writes = d.host.writes;
  d.run(600);
  check(!d.top.busy_o && d.host.writes == writes, "nothing happens while busy is low");
}

void identity(unsigned) {
  Device d(1);
  check(d.read(MAGIC) == 0x43524C4D && d.read(VERSION) == 1, "magic and version");
  check((d.read(HASH_LO) | d.read(HASH_HI)) != 0, "layout hash");
  check(d.read(BUILD) == 0 && d.read(MSM_PARAMS) == (8 | 32 << 8 | 1 << 16) && d.read(NTT_PARAMS) == 13, "parameters");
  check(d.read(MEM_PARAMS) == 26, "memory");
  check(d.read(0x100) == 0 && d.read(0xFFFC) == 0, "no register reads zero");
  d.write(MAGIC, 0);
  check(d.read(MAGIC) == 0x43524C4D, "read-only stays");
  d.write(0x1000 + SQ_BASE_LO, 0xFFFFFFFF);
  check(d.read(0x1000 + SQ_BASE_LO) == 0xFFFFF000, "ring bases are aligned by construction");
  const uint64_t before = d.read64(CYCLES_LO);
  d.run(100);
  const uint64_t after = d.read64(CYCLES_LO);
  check(after - before >= 100 && after - before < 150, "CYCLES counts cycles");
  check(d.read(STATUS) == 0, "idle after reset");
}

void ring_wraps(unsigned log) {
  Device d(2 + log, {40, 90, 100});
  Queue q(d, 0, log);
  q.enable(77);
  const unsigned jobs = 20 + 3 * q.size;
  unsigned sent = 0, got = 0;
  while (got < jobs) {
    while (sent < jobs && sent - got < q.size - 1) q.put(nop(++sent));
    q.ring();
    const Done c = q.wait();
    expect(c, ++got, OK, 0);
    check(c.sq_head == got % q.size && c.digest == 0, "sq_head of a completion");
  }
  quiet(d);
  check(d.irqs[0] == jobs, "one interrupt a job");
  check(d.read(q.page + SQ_HEAD) == jobs % q.size && d.read(q.page + CQ_TAIL) == jobs % q.size, "indices");
  check(d.read(q.page + QUEUE_ERROR) == 0, "no error");
}

// Jobs of one lap and more, nothing taken: entries are never overwritten, the rest comes when the host has read.
void full_completion_ring() {
  Device d(5, {40, 60, 50});
  Queue q(d, 0, 2);
  q.enable(1);
  for (unsigned i = 1; i <= 3; i++) q.put(nop(i));
  q.ring();
  d.until([&] { return d.read(q.page + SQ_HEAD) == 3; }, "three descriptors");
  d.run(2000);
  q.sq_head = 3;
  for (unsigned i = 4; i <= 6; i++) q.put(nop(i));
  q.ring();
  d.run(5000);
  check(d.read(q.page + CQ_TAIL) == 3 && d.read(q.page + SQ_HEAD) == 3, "the device waits for room");
  check(!d.host.get(q.cq + 64 * 3)[7], "the fourth entry stays empty");
  for (unsigned i = 1; i <= 3; i++) expect(q.take(i == 3), i, OK, 0);
  for (unsigned i = 4; i <= 6; i++) expect(q.wait(), i, OK, 0);
  quiet(d);
}

void bad_descriptors() {
  Device d(6, {40, 60, 50});
  Queue q(d, 0, 3);
  q.enable(9);
  struct Case {
    Job job;
    uint8_t cause;
    uint64_t position;
  };
  const Case cases[] = {
      {Job{4, 0, 0, 1}, BAD_OPCODE, 4},
      {Job{255, 0, 0, 1}, BAD_OPCODE, 255},
      {Job{NOP, DUMP, 0, 1}, BAD_DESCRIPTOR, 1},
      {Job{COPY, COSET, 3, 1, 7}, BAD_DESCRIPTOR, 1},
      {Job{NTT, 0x80, 0, 1}, BAD_DESCRIPTOR, 1},
      {Job{COPY, 0x80, 0, 1}, BAD_DESCRIPTOR, 1},
      {Job{NTT, SRC1_DEV, 0, 1}, BAD_DESCRIPTOR, 1},
      {Job{COPY, 0, 1, 1}, BAD_DESCRIPTOR, 2},
      {Job{COPY, 0, 0, 1, 0x20, 64}, BAD_DESCRIPTOR, 8},
      {Job{COPY, 0, 0, 1, 0x40, 64}, BAD_DESCRIPTOR, 16},
      {Job{MSM, 0, 0, 1, 64, 1}, BAD_DESCRIPTOR, 16},
      {Job{NTT, 0, 1, 1, 64, 0, 63}, BAD_DESCRIPTOR, 24},
      {Job{NOP, 0, 0, 1, 0, 0, 0, 1}, BAD_DESCRIPTOR, 32},
      {Job{NOP, 0, 0, 1, 0, 0, 0, 0, 1}, BAD_DESCRIPTOR, 40},
      {Job{COPY, 0, 0, 1, kSrc, 0, kDst, 0, 0}, OK, 0},
      {Job{COPY, 0, 0, 1, kSrc, 0, kDst, 65, 128}, BAD_DESCRIPTOR, 32},
      {Job{COPY, 0, 0, 1, kSrc, 0, kDst, 1ull << 38, ~0ull}, BAD_DESCRIPTOR, 32},
      {Job{COPY, 0, 0, 1, kSrc, 0, kDst, 128, 127}, BAD_LENGTH, 128},
  };
  for (const Case &c : cases) {
    q.submit(c.job);
    expect(q.wait(), 1, c.cause, c.position);
  }
  for (auto [byte, position] : {std::pair{3u, 3u}, {48u, 48u}, {55u, 48u}, {61u, 60u}, {63u, 60u}}) {
    Beat beat = q.encode(nop(2));
    beat[byte / 8] |= 0x80ull << 8 * (byte % 8);
    q.put_raw(beat);
    q.ring();
    expect(q.wait(), 2, BAD_DESCRIPTOR, position);
  }
  check(!d.host.touched(kDst), "a refused job writes nothing");
  q.submit(nop(3));
  expect(q.wait(), 3, OK, 0);
  check(d.read(q.page + QUEUE_ERROR) == 0, "refused jobs leave the queue usable");
  quiet(d);
}

void stops_and_starts() {
  Device d(7, {40, 60, 50});
  Queue q(d, 0, 3);
  for (uint32_t epoch = 10; epoch < 14; epoch++) {
    q.enable(epoch);
    q.submit(nop(1));
    expect(q.wait(), 1, OK, 0);
    Beat beat = q.encode(nop(2));
    const bool phase = epoch & 1;
    beat[7] ^= phase ? 1ull << 32 : 1ull << 4;
    q.put_raw(beat);
    q.put(nop(3));
    q.ring();
    expect(q.wait(), 2, phase ? BAD_PHASE : BAD_EPOCH, phase ? 1 : epoch ^ 16);
    d.run(1000);
    check(!q.ready(), "a stopped queue completes nothing");
    check(d.read(q.page + QUEUE_ERROR) == (phase ? BAD_PHASE : BAD_EPOCH), "the cause is kept");
    d.write(q.page + DOORBELL, 5);
    quiet(d);
    q.disable();
  }
  for (uint32_t log : {0, 11, 255}) {
    d.write(q.page + LOG_ENTRIES, log);
    d.write(q.page + ENABLE, 1);
    d.run(20);
    check(d.read(q.page + QUEUE_ERROR) == BAD_LENGTH, "ring size out of range");
    q.disable();
  }
  // A ring that cannot be read, then one that cannot be written.
  d.host.bad_reads.insert(q.sq + 64);
  q.enable(20);
  q.put(nop(1)), q.put(nop(2)), q.put(nop(3)), q.ring();
  expect(q.wait(), 1, OK, 0);
  d.until([&] { return d.read(q.page + QUEUE_ERROR) == HOST_READ; }, "HOST_READ");
  quiet(d);
  q.disable();
  d.host.bad_reads.clear();
  d.host.bad_writes.insert(q.cq);
  q.enable(21);
  q.submit(nop(1));
  const unsigned irqs = d.irqs[0];
  d.until([&] { return d.read(q.page + QUEUE_ERROR) == HOST_WRITE; }, "HOST_WRITE");
  quiet(d);
  check(d.irqs[0] == irqs, "no interrupt for an entry that was not written");
  q.disable();
  d.host.bad_writes.clear();
  // Disabled with jobs under way: they complete, what was fetched and not handed out does not.
  q.enable(22);
  q.put(stub(MSM, 1, 2, 3000)), q.put(stub(NTT, 2, 2, 100)), q.put(stub(MSM, 3, 1, 0)), q.put(stub(MSM, 4, 1, 0)), q.ring();
  d.until([&] { return d.read(q.page + SQ_HEAD) == 3; }, "three jobs handed out");
  q.disable();
  expect(q.wait(), 2, OK, 0), expect(q.wait(), 1, OK, 0), expect(q.wait(), 3, OK, 0);
  d.run(3000);
  check(!q.ready(), "a disabled queue hands out nothing");
  // Enabled again while jobs are under way: starts when they have ended.
  q.enable(23);
  q.submit(stub(MSM, 5, 1, 4000));
  d.until([&] { return d.read(q.page + SQ_HEAD) == 1; }, "a job handed out");
  d.write(q.page + ENABLE, 0);
  d.write(q.page + ENABLE, 1);
  q.d.run(10000);
  expect(q.take(false), 5, OK, 0);
  q.enable(24);
  d.write(q.page + ENABLE, 0);
  q.enable(25);
  q.submit(nop(6));
  expect(q.wait(), 6, OK, 0);
  quiet(d);
}

void copies() {
  Device d(8);
  Queue q(d, 0, 3);
  q.enable(3);
  uint32_t id = 0;
  for (uint64_t beats : {1, 2, 15, 16, 17, 63, 64, 65, 300}) {
    const Job up = copy(++id, kSrc + 64 * 61, 0x40 * 59, beats * 64, DST_DEV);
    q.submit(up);
    const Done first = q.wait();
    expect(first, id, OK, 0);
    check_copy(d, up, first);
    const Job down = copy(++id, 0x40 * 59, kDst + 64 * 3, beats * 64, SRC0_DEV);
    q.submit(down);
    const Done second = q.wait();
    check_copy(d, down, second);
    check(first.digest == second.digest, "up and down agree");
    if (beats == 300) std::printf("copy of 300 beats: up %lu cycles, down %lu cycles\n", first.cycles, second.cycles);
  }
  d.host.bad_reads.insert(kSrc + 64 * 20);
  q.submit(copy(++id, kSrc, 0, 64 * 40, DST_DEV));
  expect(q.wait(), id, HOST_READ, kSrc + 64 * 20);
  d.mem.bad_reads = {64 * 5, 64 * 30};
  q.submit(copy(++id, 0, kDst, 64 * 40, SRC0_DEV));
  expect(q.wait(), id, MEM_READ, 64 * 5);
  d.mem.bad_writes.insert(64 * 100);
  q.submit(copy(++id, kSrc2, 64 * 64, 64 * 64, DST_DEV));
  expect(q.wait(), id, MEM_WRITE, 64 * 96);
  d.host.bad_writes.insert(kDst + 64 * 70);
  q.submit(copy(++id, 64 * 256, kDst, 64 * 128, SRC0_DEV));
  expect(q.wait(), id, HOST_WRITE, kDst + 64 * 64);
  const Job last = copy(++id, kSrc2, kDst + 0x100000, 640, 0);
  q.submit(last);
  check_copy(d, last, q.wait());
  check(d.read64(STAT_HOST_RD_LO) == d.host.reads, "STAT_HOST_RD_BEATS");
  quiet(d);
}

// Completion before the result's response, or interrupt before the completion's: never.
void order() {
  Device d(9);
  Queue q(d, 0, 4);
  q.enable(4);
  const Job slow = stub(MSM, 1, 5, 4000, DST_DEV), quick = stub(NTT, 2, 4, 10), third = stub(NTT, 3, 4, 10),
            mid = copy(4, kSrc, kDst + 0x200000, 640, 0);
  unsigned seen = 0, at_irq = 0;
  d.every_cycle = [&] {
    // Counts entries visible now; at a pulse there is one more than at the last one, at least.
    unsigned visible = 0;
    for (unsigned i = 0; i < q.size; i++) visible += d.host.get(q.cq + 64 * i)[7] != 0;
    seen = visible;
    if (d.top.irq_o & 1) check(visible >= ++at_irq, "interrupt before its entry");
  };
  for (const Job &j : {slow, quick, third, mid}) q.put(j);
  q.ring();
  std::vector<uint32_t> ids;
  for (unsigned i = 0; i < 4; i++) {
    const Done c = q.wait();
    check(c.status == OK, "status");
    ids.push_back(c.id);
    if (c.id == 4) check_copy(d, mid, c);
    else check_stub(d, c.id == 1 ? slow : c.id == 2 ? quick : third);
  }
  check(ids.back() == 1, "engines overtake each other");
  check(std::find(ids.begin(), ids.end(), 2u) < std::find(ids.begin(), ids.end(), 3u), "one engine's jobs stay in order");
  Job silent = nop(5);
  silent.flags = 0;
  q.submit(silent);
  expect(q.wait(), 5, OK, 0);
  d.run(2000);
  check(d.irqs[0] == 4 && seen == 5, "interrupts only where asked for");
  d.write(q.page + IRQ_ENABLE, 0);
  q.submit(nop(6));
  expect(q.wait(), 6, OK, 0);
  d.run(2000);
  check(d.irqs[0] == 4, "IRQ_ENABLE");
  quiet(d);
}

// Reset of one engine at every stage of its jobs; jobs of the others do not notice.
void engine_resets(uint8_t opcode) {
  const uint32_t bit = opcode == COPY ? 8 : opcode == MSM ? 2 : 4;
  unsigned ended = 0, reset = 0;
  for (unsigned at = 0; at < 3000; at = at < 40 ? at + 5 : at + at / 8) {
    Device d(100 + at, {100, 180, 200}, {30, 60, 100});
    Queue q(d, 0, 4);
    q.enable(5);
    const uint8_t other = opcode == NTT ? MSM : NTT;
    for (uint32_t id = 1; id <= 3; id++) q.put(opcode == COPY ? copy(id, kSrc, kDst + 0x10000 * id, 6400, 0) : stub(opcode, id, 40, 300));
    q.put(stub(other, 4, 20, 1500));
    q.ring();
    d.run(at);
    d.write(CTRL, bit);
    check(d.read(CTRL) & bit, "the request stands until it is done");
    d.until([&] { return (d.read(CTRL) & bit) == 0; }, "the reset to end");
    q.put(opcode == COPY ? copy(5, kSrc, kDst + 0x90000, 640, 0) : stub(opcode, 5, 4, 10));
    q.ring();
    unsigned got = 0;
    for (unsigned i = 0; i < 5; i++) {
      const Done c = q.wait();
      got |= 1u << c.id;
      if (c.status == RESET) {
        check(c.id <= 3 && c.position == 0, "only jobs of that engine");
        reset++;
      } else {
        check(c.status == OK, "status");
        ended++;
        if (c.opcode == COPY) check_copy(d, copy(c.id, kSrc, c.id == 5 ? kDst + 0x90000 : kDst + 0x10000 * c.id, c.id == 5 ? 640 : 6400, 0), c);
        if (c.id == 4) check_stub(d, stub(other, 4, 20, 1500));
      }
    }
    check(got == 0b111110, "each job completes once");
    quiet(d);
  }
  check(ended > 20 && reset > 10, "both courses were met");
  std::printf("engine %u: %u jobs ended, %u were reset\n", opcode, ended, reset);
}

// A job that never ends, then the engine's reset.
void hung_engine() {
  Device d(10, {100, 150, 50});
  Queue q(d, 0, 4);
  q.enable(6);
  q.put(stub(MSM, 1, 3, kHang)), q.put(stub(MSM, 2, 3, 1)), q.put(stub(MSM, 3, 3, 1)), q.ring();
  d.run(3000);
  const uint64_t stuck = d.read64(PROGRESS_LO);
  d.run(1000);
  check(d.read64(PROGRESS_LO) == stuck && (d.read(STATUS) & 1), "busy without progress");
  d.write(CTRL, 2);
  expect(q.wait(), 1, RESET, 0), expect(q.wait(), 2, RESET, 0), expect(q.wait(), 3, OK, 0);
  check(d.read64(PROGRESS_LO) > stuck, "progress");
  quiet(d);
}

void function_resets() {
  for (unsigned at = 0; at < 4000; at = at < 60 ? at + 7 : at + at / 6) {
    Device d(200 + at, {100, 180, 200}, {30, 60, 100});
    Queue q(d, 0, 4);
    q.enable(5);
    q.put(stub(MSM, 1, 30, 200)), q.put(copy(2, kSrc, 0, 6400, DST_DEV)), q.put(stub(NTT, 3, 30, kHang)), q.put(nop(4));
    q.ring();
    d.run(at);
    const uint64_t progress = d.read64(PROGRESS_LO);
    d.write(CTRL, 1);
    d.until([&] { return d.read(CTRL) == 0; }, "the reset to end");
    check(d.host.quiet() && d.mem.quiet(), "no burst outlives the reset");
    check(d.read(q.page + ENABLE) == 0 && d.read(q.page + SQ_BASE_LO) == 0 && d.read(q.page + DOORBELL) == 0, "queue registers");
    check(d.read64(STAT_HOST_RD_LO) == 0, "statistics are cleared");
    check(d.read64(PROGRESS_LO) >= progress, "progress is not");
    quiet(d);
    q.enable(6);
    const Job a = stub(MSM, 5, 6, 20), b = copy(6, kSrc, kDst, 1280, 0), c = stub(NTT, 7, 6, 20);
    q.put(a), q.put(b), q.put(c), q.ring();
    for (unsigned i = 0; i < 3; i++) {
      const Done done = q.wait();
      check(done.status == OK && done.id >= 5, "a job after the reset");
      if (done.id == 6) check_copy(d, b, done);
      else check_stub(d, done.id == 5 ? a : c);
    }
    quiet(d);
  }
}

// What stops one queue does not touch the other: its jobs, its rings, its interrupts, its error.
void errors_stay_in_their_queue() {
  for (bool phase : {false, true}) {
    Device d(11, {40, 60, 50});
    Queue bad(d, 0, 3), good(d, 1, 3);
    bad.enable(1), good.enable(2);
    const Job slow = stub(MSM, 1, 8, 3000), quick = stub(NTT, 2, 8, 10);
    good.put(slow), good.put(quick), good.ring();
    Beat beat = bad.encode(nop(3));
    beat[7] ^= phase ? 1ull << 32 : 1ull << 4;
    bad.put_raw(beat);
    bad.put(nop(4));
    bad.ring();
    expect(bad.wait(), 3, phase ? BAD_PHASE : BAD_EPOCH, phase ? 0 : 1 ^ 16);
    expect(good.wait(), 2, OK, 0);
    check_stub(d, quick);
    check(d.read(bad.page + QUEUE_ERROR) != 0 && d.read(good.page + QUEUE_ERROR) == 0, "the error is of one queue");
    // Stopped, started and used again while the other's job still runs.
    d.write(bad.page + ENABLE, 0);
    d.until([&] { return d.read(bad.page + ENABLE) == 0; }, "the stopped queue to be quiet");
    check(d.read(good.page + ENABLE) == 3, "the other is at work");
    bad.enable(7);
    bad.submit(nop(5));
    expect(bad.wait(), 5, OK, 0);
    check(!good.ready(), "the long job still runs");
    expect(good.wait(), 1, OK, 0);
    check_stub(d, slow);
    quiet(d);
    check(d.irqs[0] == 2 && d.irqs[1] == 2, "each queue has its own interrupt");
  }
}

// Both queues full of jobs for one engine: they take turns, so neither is ever more than two ahead.
void queues_take_turns() {
  Device d(12, {40, 60, 50});
  Queue a(d, 0, 4), b(d, 1, 4);
  a.enable(1), b.enable(2);
  for (uint32_t id = 1; id <= 15; id++) a.put(stub(NTT, id, 4, 20)), b.put(stub(NTT, 100 + id, 4, 20));
  a.ring();
  d.until([&] { return d.read(a.page + SQ_HEAD) >= 1; }, "the first queue to be at work");
  b.ring();
  int done[2] = {};
  while (done[0] + done[1] < 30) {
    for (Queue *q : {&a, &b})
      if (done[q->index] < 15 && q->ready()) expect(q->take(), 100 * q->index + unsigned(++done[q->index]), OK, 0);
    // The first had its turn alone: a running and a waiting job, and what was done until the doorbell arrived.
    if (done[0] > 4 && done[0] < 15 && done[1] < 15) check(done[0] - done[1] <= 6 && done[1] - done[0] <= 2, "turns");
    d.tick();
  }
  quiet(d);
}

// Two queues want one engine, a third keeps another engine, or none, busy with short jobs: its grants must not move the turn of the two.
void a_third_queue_takes_nobodys_turn(uint8_t third) {
  Device d(13, {40, 60, 50});
  std::vector<std::unique_ptr<Queue>> q;
  for (unsigned i = 0; i < 3; i++) q.push_back(std::make_unique<Queue>(d, i, 4)), q[i]->enable(i + 1);
  uint32_t id = 0;
  unsigned done[3] = {}, open[3] = {};
  while (done[0] + done[1] < 60) {
    for (unsigned i = 0; i < 3; i++) {
      bool rings = false;
      while (open[i] < 12) {
        id++;
        Job j = i == 2 ? (third == NOP ? nop(id) : third == COPY ? copy(id, kSrc, kDst, 64, 0) : stub(third, id, 1, 5)) : stub(MSM, id, 2, 30);
        if (j.opcode != NOP) j.dst = kDst + 0x1000ull * (id % 4096);
        q[i]->put(j), open[i]++, rings = true;
      }
      if (rings) q[i]->ring();
      if (q[i]->ready()) check(q[i]->take().status == OK, "status"), done[i]++, open[i]--;
    }
    check(done[0] <= done[1] + 3 && done[1] <= done[0] + 3, "turns beside a third queue: " + std::to_string(done[0]) + " and " + std::to_string(done[1]));
    d.tick();
  }
  check(done[2] > 60, "the third is not held up");
}

// Random jobs on all queues with random sizes, spaces and ring occupancy: each completes once with its own result.
void soak(unsigned queues, uint64_t seed, unsigned jobs) {
  Device d(seed, {200, 500, 150}, {60, 200, 150});
  std::vector<std::unique_ptr<Queue>> q;
  std::vector<std::map<uint32_t, Job>> open(queues);
  uint32_t next = 0, ended = 0;
  for (unsigned i = 0; i < queues; i++) {
    q.push_back(std::make_unique<Queue>(d, i, 1 + unsigned(d.rng() % 4)));
    q[i]->enable(uint32_t(d.rng()));
  }
  while (ended < jobs * queues) {
    const unsigned i = unsigned(d.rng() % queues);
    if (d.rng() % 2 && next < jobs * queues && open[i].size() + 1 < q[i]->size) {
      const uint32_t id = ++next;
      const uint8_t spaces = uint8_t(d.rng() & (SRC0_DEV | DST_DEV));
      Job j;
      switch (d.rng() % 4) {
        case 0: j = nop(id); break;
        case 1: j = copy(id, kSrc + 64 * (d.rng() % 4096), kDst + 0x10000ull * id + 64 * (d.rng() % 64), 64 * (1 + d.rng() % 100), spaces); break;
        case 2: j = stub(MSM, id, d.rng() % 30, d.rng() % 400, spaces); break;
        default: j = stub(NTT, id, d.rng() % 30, d.rng() % 400, spaces); break;
      }
      if (j.opcode > COPY) j.dst = kDst + 0x10000ull * id;
      open[i][id] = j;
      q[i]->put(j);
      if (d.rng() % 4) q[i]->ring();
    } else if (q[i]->ready()) {
      const Done c = q[i]->take();
      check(open[i].count(c.id), "a job of this queue, once");
      const Job j = open[i][c.id];
      check(c.status == OK && c.opcode == j.opcode, "status");
      if (j.opcode == COPY) check_copy(d, j, c);
      if (j.opcode > COPY) check_stub(d, j);
      open[i].erase(c.id);
      ended++;
    } else {
      for (auto &one : q) one->ring();
      d.run(unsigned(d.rng() % 300));
    }
    check(d.now < 20000000, "the soak ends");
  }
  quiet(d);
  for (unsigned i = 0; i < queues; i++) check(d.irqs[i] > jobs / 2, "interrupts");
  std::printf("soak, %u queues: %u jobs in %lu cycles\n", queues, ended, d.now);
}

}  // namespace

int main(int argc, char **argv) {
  Verilated::commandArgs(argc, argv);
  const char *name = "identity";
  try {
    unsigned queues = 1;
    {
      Device d(1);
      queues = d.read(QUEUES);
    }
    identity(queues);
    name = "ring_wraps";
    for (unsigned log : {1, 2, 3, 5}) ring_wraps(log);
    name = "full_completion_ring";
    full_completion_ring();
    name = "bad_descriptors";
    bad_descriptors();
    name = "stops_and_starts";
    stops_and_starts();
    name = "copies";
    copies();
    name = "order";
    order();
    name = "engine_resets";
    for (uint8_t opcode : {COPY, MSM, NTT}) engine_resets(opcode);
    name = "hung_engine";
    hung_engine();
    name = "function_resets";
    function_resets();
    if (queues > 1) {
      name = "errors_stay_in_their_queue";
      errors_stay_in_their_queue();
      name = "queues_take_turns";
      queues_take_turns();
    }
    if (queues > 2) {
      name = "a_third_queue_takes_nobodys_turn";
      for (uint8_t third : {NOP, NTT, COPY}) a_third_queue_takes_nobodys_turn(third);
    }
    name = "soak";
    for (uint64_t seed : {1, 2, 3}) soak(queues, 1000 + seed, 150);
  } catch (const std::exception &e) {
    std::printf("%s: %s\n", name, e.what());
    return 1;
  }
  return 0;
}
