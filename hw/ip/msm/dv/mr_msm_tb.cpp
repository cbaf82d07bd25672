// Testbench of the MSM engine with the real point adder: jobs of all shapes against golden.h, with slow and uneven DMA.
//
// Points are known multiples a_j of the generator, so that a job's result is (sum k_j a_j mod r) times the generator and every
// bucket of a dump is checked the same way.
//
// dv: c5 -GWindowBits=5 -GWindows=51 -GRamLatency=4
// dv: c4 -GWindowBits=4 -GWindows=64 -GQueueDepth=2
// dv: c8 -GWindowBits=8 -GWindows=32
// dv: c9 -GWindowBits=9 -GWindows=29 -GRamLatency=1
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "Vdut.h"
#include "verilated.h"
#include "golden.h"
#include "channels.h"

namespace {

constexpr unsigned kC = G_WindowBits, kW = G_Windows, kHalf = 1u << (kC - 1);
constexpr uint64_t kSrc0 = 0x10000, kSrc1 = 0x4000000, kDst = 0x8000;
#ifdef G_QueueDepth
constexpr double kRate = 0;   // a queue too short for the rate: only the answers count
constexpr size_t kRatePoints = 256;
#else
constexpr double kRate = 0.98;
constexpr size_t kRatePoints = 4096;
#endif
constexpr uint64_t kDumpBytes = 128ull * kW * kHalf;

enum Cause { Ok = 0, BadDescriptor = 1, BadLength = 5, ScalarRange = 6, PointRange = 7, HostRead = 9, HostWrite = 10, MemRead = 11, MemWrite = 12 };

int failures = 0;

#define CHECK(cond, ...)                                                            \
    do {                                                                            \
        if (!(cond)) {                                                              \
            failures++;                                                             \
            printf("FAILED %s:%d %s: ", __FILE__, __LINE__, #cond);                 \
            printf(__VA_ARGS__);                                                    \
            printf("\n");                                                           \
        }                                                                           \
    } while (0)

struct Job {
    std::vector<U256> scalars;
    std::vector<Affine> points;
    std::vector<U256> logs;   // points[j] = logs[j] G
    bool dump = false, mont = false;
    bool src0_dev = false, src1_dev = true, dst_dev = false;
    uint64_t count = ~0ull, dst_len = ~0ull;   // all ones: what fits

    void push(const U256& k, const U256& log, const Affine& p) {
        scalars.push_back(k);
        logs.push_back(log);
        points.push_back(p);
    }
};

struct Outcome {
    uint64_t status, position, cycles, stalled, bubbles, issued, digest;
    uint64_t digits, active, adds, activity;
};

std::mt19937_64 rng(20260101);

/// v 2^n mod q.
U256 doubled(U256 v, unsigned n) {
    while (n--) v = fq().add(v, v);
    return v;
}

U256 random_scalar() {
    for (;;) {
        U256 k{{rng(), rng(), rng(), rng() >> 2}};
        if (less(k, fr().m)) return k;
    }
}

/// Multiples of the generator, consecutive from a random one: cheap, and all different.
struct Points {
    std::vector<U256> logs;
    std::vector<Affine> points;
    explicit Points(size_t n) {
        U256 log = random_scalar();
        Affine p = times_generator(log), g = times_generator(small(1));
        for (size_t i = 0; i < n; i++) {
            logs.push_back(log);
            points.push_back(p);
            log = fr().add(log, small(1));
            p = add(p, g);
        }
    }
};

class Bench {
  public:
    Bench()
        : sc({400, 200, 256, 10}, 1), pt({120, 80, 256, 10}, 2), wr({400, 200, 0, 30}, 3), dut_(new Vdut) {
        dut_->cmd_valid_i = dut_->done_ready_i = dut_->probe_i = 0;
        reset();
    }
    ~Bench() { dut_->final(); }

    ReadChannel sc, pt;
    WriteChannel wr;
    uint64_t now = 0;

    void reset() {
        dut_->rst_ni = 0;
        dut_->cmd_valid_i = 0;
        sc.flush();
        pt.flush();
        wr.flush();
        for (int i = 0; i < 5; i++) cycle();
        sc.flush();
        pt.flush();
        wr.flush();
        dut_->rst_ni = 1;
    }

    /// What of a job's secrets lies in the engine, one bit a kind (mr_msm_tb.sv).
    unsigned residue() {
        dut_->probe_i = 1;
        cycle();
        dut_->probe_i = 0;
        return dut_->residue_o;
    }

    /// Leaves the engine alone for as long as it takes to zero what a job left there, and looks.
    void nothing_stays(const char* after) {
        for (unsigned i = 0; i < kW * kHalf + 16; i++) cycle();
        unsigned left = residue();
        CHECK(left == 0, "%s: left behind: %s%s%s", after, left & 4 ? "scalar " : "", left & 2 ? "slots " : "", left & 1 ? "pairs" : "");
    }

    /// Starts a job; `limit` cycles at most, 0: until it is done.
    Outcome run(const Job& job, uint64_t limit = 0) {
        load(job);
        uint64_t digits = digits_, active = active_, adds = adds_, activity = activity_, begin = now;
        dut_->dump_i = job.dump;
        dut_->mont_i = job.mont;
        dut_->src0_dev_i = job.src0_dev;
        dut_->src1_dev_i = job.src1_dev;
        dut_->dst_dev_i = job.dst_dev;
        dut_->src0_i = kSrc0;
        dut_->src1_i = kSrc1;
        dut_->dst_i = kDst;
        dut_->count_i = job.count == ~0ull ? job.scalars.size() : job.count;
        dut_->dst_len_i = job.dst_len == ~0ull ? (job.dump ? kDumpBytes : 128) : job.dst_len;
        dut_->cmd_valid_i = 1;
        while (!cmd_fired_) {
            cycle();
            if (now - begin > 100000) return give_up("the command is not taken");
        }
        dut_->cmd_valid_i = 0;
        cmd_fired_ = false;
        uint64_t quiet = 0, last_activity = activity_;
        Outcome out{};
        for (;;) {
            if (limit != 0 && now - begin > limit) return out;
            cycle();
            quiet = activity_ == last_activity ? quiet + 1 : 0;
            last_activity = activity_;
            if (quiet > 20000) return give_up("no activity");
            if (dut_->done_valid_o) break;
        }
        out = Outcome{dut_->status_o, dut_->position_o, dut_->cycles_o, dut_->stalled_o, dut_->bubbles_o, dut_->issued_o, dut_->digest_o,
                      digits_ - digits, active_ - active, adds_ - adds, activity_ - activity};
        for (unsigned i = rng() % 3; i > 0; i--) cycle();
        dut_->done_ready_i = 1;
        cycle();
        dut_->done_ready_i = 0;
        CHECK(sc.idle() && pt.idle() && wr.idle(), "a channel is not empty at the end of a job");
        return out;
    }

  private:
    std::unique_ptr<Vdut> dut_;
    bool cmd_fired_ = false;
    uint64_t digits_ = 0, active_ = 0, adds_ = 0, activity_ = 0;

    Outcome give_up(const char* why) {
        CHECK(false, "%s", why);
        reset();
        return Outcome{99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    }

    void load(const Job& job) {
        sc.memory.assign((job.scalars.size() + 1) / 2, Beat{});
        pt.memory.assign(job.points.size(), Beat{});
        for (size_t i = 0; i < job.scalars.size(); i++)
            for (int w = 0; w < 4; w++) {
                sc.memory[i / 2][4 * (i % 2) + w] = job.scalars[i].w[w];
                pt.memory[i][w] = (job.mont ? doubled(job.points[i].x, 256) : job.points[i].x).w[w];
                pt.memory[i][4 + w] = (job.mont ? doubled(job.points[i].y, 256) : job.points[i].y).w[w];
            }
        wr.written.clear();
    }

    static void put(WData* pins, const Beat& beat) { memcpy(pins, beat.data(), 64); }

    void cycle() {
        sc.drive(now);
        pt.drive(now);
        wr.drive(now);
        dut_->sc_req_ready_i = sc.req_ready;
        dut_->sc_valid_i = sc.valid;
        dut_->sc_err_i = sc.err;
        put(dut_->sc_data_i.data(), sc.data);
        dut_->pt_req_ready_i = pt.req_ready;
        dut_->pt_valid_i = pt.valid;
        dut_->pt_err_i = pt.err;
        put(dut_->pt_data_i.data(), pt.data);
        dut_->wr_req_ready_i = wr.req_ready;
        dut_->wr_ready_i = wr.ready;
        dut_->wr_done_valid_i = wr.done_valid;
        dut_->wr_done_err_i = wr.done_valid && wr.fail;
        dut_->wr_done_addr_i = wr.err_addr;
        dut_->clk_i = 0;
        dut_->eval();

        bool live = dut_->rst_ni;
        Beat out;
        memcpy(out.data(), dut_->wr_data_o.data(), 64);
        sc.clock(now, live && dut_->sc_req_valid_o, dut_->sc_req_dev_o, dut_->sc_req_addr_o, dut_->sc_req_beats_o, live && dut_->sc_ready_o);
        pt.clock(now, live && dut_->pt_req_valid_o, dut_->pt_req_dev_o, dut_->pt_req_addr_o, dut_->pt_req_beats_o, live && dut_->pt_ready_o);
        wr.clock(now, live && dut_->wr_req_valid_o, dut_->wr_req_dev_o, dut_->wr_req_addr_o, dut_->wr_req_beats_o, live && dut_->wr_valid_o, out);
        if (dut_->cmd_valid_i && dut_->cmd_ready_o && live) cmd_fired_ = true;
        if (live) {
            digits_ += dut_->stat_digits_o;
            active_ += dut_->stat_bucket_active_o;
            adds_ += dut_->stat_adds_o;
            activity_ += dut_->stat_activity_o;
        }
        dut_->clk_i = 1;
        dut_->eval();
        now++;
    }
};

U256 word(const std::vector<Beat>& beats, size_t beat, unsigned half) {
    U256 r;
    for (int w = 0; w < 4; w++) r.w[w] = beats.at(beat)[4 * half + w];
    return r;
}

uint64_t digest_of(const std::vector<Beat>& beats) {
    auto rotl = [](uint64_t v, unsigned n) { return n == 0 ? v : (v << n) | (v >> (64 - n)); };
    uint64_t d = 0;
    for (const Beat& b : beats) {
        d = rotl(d, 1);
        for (unsigned i = 0; i < 8; i++) d ^= rotl(b[i], 8 * i);
    }
    return d;
}

/// Whether the two beats from `beat` on hold the point `want` in projective form.
bool holds(const std::vector<Beat>& beats, size_t beat, const Affine& want) {
    if (beats.size() < beat + 2) return false;
    U256 x = word(beats, beat, 0), y = word(beats, beat, 1), z = word(beats, beat + 1, 0);
    if (!word(beats, beat + 1, 1).zero()) return false;
    for (const U256* v : {&x, &y, &z})
        if (!less(*v, fq().m)) return false;
    if (want.infinity()) return x.zero() && z.zero();
    return !z.zero() && x == fq().mul(want.x, z) && y == fq().mul(want.y, z);
}

uint64_t nonzero_digits(const Job& job) {
    uint64_t n = 0;
    for (size_t j = 0; j < job.scalars.size(); j++)
        if (!job.points[j].infinity())
            for (int d : digits(job.scalars[j], kC, kW)) n += d != 0;
    return n;
}

void check_result(const Job& job, const Bench& bench) {
    if (job.dump) {
        CHECK(bench.wr.written.size() * 64 == kDumpBytes, "%zu beats", bench.wr.written.size());
        std::vector<U256> sum(kW * kHalf);
        std::vector<bool> used(kW * kHalf);
        for (size_t j = 0; j < job.scalars.size(); j++) {
            if (job.points[j].infinity()) continue;
            auto d = digits(job.scalars[j], kC, kW);
            for (unsigned w = 0; w < kW; w++) {
                if (d[w] == 0) continue;
                size_t slot = w * kHalf + std::abs(d[w]) - 1;
                sum[slot] = d[w] > 0 ? fr().add(sum[slot], job.logs[j]) : fr().sub(sum[slot], job.logs[j]);
                used[slot] = true;
            }
        }
        for (size_t s = 0; s < sum.size(); s++) {
            if (used[s]) {
                CHECK(holds(bench.wr.written, 2 * s, times_generator(sum[s])), "slot %zu of the dump", s);
            } else {
                bool zero = bench.wr.written.at(2 * s) == Beat{} && bench.wr.written.at(2 * s + 1) == Beat{};
                CHECK(zero, "slot %zu of the dump is not zero", s);
            }
        }
    } else {
        U256 sum;
        for (size_t j = 0; j < job.scalars.size(); j++) sum = fr().add(sum, fr().mul(job.scalars[j], job.logs[j]));
        CHECK(bench.wr.written.size() == 2, "%zu beats", bench.wr.written.size());
        CHECK(holds(bench.wr.written, 0, times_generator(sum)), "result");
    }
}

/// Runs a job that must succeed; `rate`: digits a bucket cycle that it must reach.
Outcome good(Bench& bench, const char* name, const Job& job, double rate = 0) {
    int before = failures;
    uint64_t sc0 = bench.sc.taken, pt0 = bench.pt.taken, wr0 = bench.wr.requests;
    Outcome o = bench.run(job);
    size_t n = job.scalars.size();
    CHECK(o.status == Ok && o.position == 0, "status %lu position %lu", o.status, o.position);
    CHECK(bench.sc.taken - sc0 == (n + 1) / 2 && bench.pt.taken - pt0 == n, "beats taken");
    CHECK(bench.sc.req_addr == kSrc0 && bench.pt.req_addr == kSrc1 && bench.wr.req_addr == kDst, "addresses");
    CHECK(bench.sc.req_dev == job.src0_dev && bench.pt.req_dev == job.src1_dev && bench.wr.req_dev == job.dst_dev, "spaces");
    CHECK(bench.wr.requests - wr0 == 1, "write requests");
    check_result(job, bench);
    CHECK(o.digest == digest_of(bench.wr.written), "digest");
    CHECK(o.digits == nonzero_digits(job), "%lu digits", o.digits);
    CHECK(o.issued == o.adds, "issued %lu, counted %lu", o.issued, o.adds);
    CHECK(o.stalled + o.bubbles + o.activity == o.cycles, "cycles %lu are not %lu + %lu + %lu", o.cycles, o.stalled, o.bubbles, o.activity);
    double reached = o.active == 0 ? 0 : (double)o.digits / o.active;
    CHECK(reached >= rate, "%.4f digits a cycle, %.2f wanted", reached, rate);
    printf("%-28s n=%-5zu digits/cycle=%.4f cycles=%-7lu bucket=%-7lu stalled=%-6lu bubbles=%-6lu adds=%-7lu %s\n", name, n, reached, o.cycles,
           o.active, o.stalled, o.bubbles, o.issued, failures == before ? "ok" : "FAILED");
    fflush(stdout);
    return o;
}

/// Runs a job that must fail with a cause and a position and write nothing.
void bad(Bench& bench, const char* name, const Job& job, uint64_t status, uint64_t position, bool reads = true) {
    int before = failures;
    uint64_t sc0 = bench.sc.taken, pt0 = bench.pt.taken;
    bool writes = bench.wr.fail;
    uint64_t wr0 = bench.wr.requests;
    Outcome o = bench.run(job);
    CHECK(o.status == status && o.position == position, "status %lu position %lu, wanted %lu %lu", o.status, o.position, status, position);
    CHECK(o.digest == 0, "digest of nothing");
    CHECK(writes || bench.wr.requests == wr0, "a failed job wrote");
    size_t n = reads ? job.scalars.size() : 0;
    CHECK(bench.sc.taken - sc0 == (n + 1) / 2 && bench.pt.taken - pt0 == n, "beats taken");
    printf("%-28s status=%lu position=%lu %s\n", name, o.status, o.position, failures == before ? "ok" : "FAILED");
    fflush(stdout);
}

Job make(const Points& p, size_t n, const std::function<U256(size_t)>& scalar) {
    Job job;
    for (size_t i = 0; i < n; i++) job.push(scalar(i), p.logs.at(i), p.points.at(i));
    return job;
}

U256 minus(const U256& m, u64 v) {
    U256 r = m;
    sub_from(r, small(v));
    return r;
}

void shapes(Bench& bench, const Points& p) {
    auto random = [](size_t) { return random_scalar(); };
    for (size_t n : {1, 2, 3, 17, 256}) good(bench, "random", make(p, n, random));
    good(bench, "one, scalar 0", make(p, 1, [](size_t) { return U256{}; }));
    good(bench, "one, scalar 1", make(p, 1, [](size_t) { return small(1); }));
    good(bench, "one, scalar r-1", make(p, 1, [](size_t) { return minus(fr().m, 1); }));
    good(bench, "one, scalar 2^(c-1)", make(p, 1, [](size_t) { return small(kHalf); }));
    good(bench, "one, scalar 2^(c-1)+1", make(p, 1, [](size_t) { return small(kHalf + 1); }));
    good(bench, "all r-1", make(p, 255, [](size_t) { return minus(fr().m, 1); }));
    good(bench, "all 0", make(p, 100, [](size_t) { return U256{}; }));
    good(bench, "all 1", make(p, 300, [](size_t) { return small(1); }));
    good(bench, "every small scalar", make(p, 256, [](size_t i) { return small(i); }));

    Job same;
    for (int i = 0; i < 128; i++) same.push(random_scalar(), p.logs[5], p.points[5]);
    good(bench, "one point 128 times", same);

    Job opposite;   // P and -P with equal scalars: every bucket becomes infinity
    for (int i = 0; i < 32; i++) {
        U256 k = random_scalar();
        Affine neg{p.points[i].x, fq().sub(U256{}, p.points[i].y)};
        opposite.push(k, p.logs[i], p.points[i]);
        opposite.push(k, fr().sub(U256{}, p.logs[i]), neg);
    }
    good(bench, "P and -P", opposite);

    Job holes = make(p, 101, random);
    for (size_t i = 0; i < 101; i += 3) {
        holes.points[i] = Affine{};
        holes.logs[i] = U256{};
    }
    good(bench, "every third at infinity", holes);
    Job none = make(p, 20, random);
    for (size_t i = 0; i < 20; i++) {
        none.points[i] = Affine{};
        none.logs[i] = U256{};
    }
    good(bench, "all at infinity", none);

    Job spaces = make(p, 33, random);
    spaces.src0_dev = true;
    spaces.src1_dev = false;
    spaces.dst_dev = true;
    good(bench, "other address spaces", spaces);
    for (size_t n : {1, 2, 100}) {
        Job mont = make(p, n, random);
        mont.mont = true;
        good(bench, "Montgomery form", mont);
    }
    holes.mont = opposite.mont = true;
    good(bench, "Montgomery, infinities", holes);
    good(bench, "Montgomery, P and -P", opposite);
    Job roomy = make(p, 5, random);
    roomy.dst_len = 4096;
    good(bench, "more room than needed", roomy);
    bench.nothing_stays("good jobs");
}

void errors(Bench& bench, const Points& p) {
    auto random = [](size_t) { return random_scalar(); };
    Job job = make(p, 41, random);
    job.scalars[17] = fr().m;
    job.points[30].x = fq().m;
    bad(bench, "scalar r", job, ScalarRange, 17);
    job = make(p, 41, random);
    job.scalars[40] = U256{{~0ull, ~0ull, ~0ull, ~0ull}};
    bad(bench, "scalar 2^256-1", job, ScalarRange, 40);
    job = make(p, 41, random);
    job.points[0].y = fq().m;
    job.scalars[1] = fr().m;
    bad(bench, "y = q", job, PointRange, 0);
    job = make(p, 41, [](size_t) { return U256{}; });
    job.points[39].x = U256{{0, 0, 0, 1ull << 63}};
    bad(bench, "x = 2^255, scalar 0", job, PointRange, 39);
    good(bench, "after errors", make(p, 40, random));

    job = make(p, 41, random);
    job.dst_len = 64;
    bad(bench, "too little room", job, BadLength, 128, false);
    bench.nothing_stays("errors");
    job.dump = true;
    job.dst_len = kDumpBytes - 64;
    bad(bench, "too little room, dump", job, BadLength, kDumpBytes, false);
    job.count = 0;
    bad(bench, "no points", job, BadDescriptor, 32, false);
    job.count = 1ull << 32;
    bad(bench, "too many points", job, BadDescriptor, 32, false);

    job = make(p, 41, random);
    bench.sc.bad_beats = {7};
    bench.pt.bad_beats = {20};
    bad(bench, "failed scalar beat", job, HostRead, kSrc0 + 7 * 64);
    bench.sc.bad_beats = {20};
    bad(bench, "failed point beat", job, MemRead, kSrc1 + 20 * 64);
    job.src0_dev = true;
    job.src1_dev = false;
    bench.sc.bad_beats = {20};
    bench.pt.bad_beats = {40};
    bad(bench, "last beats fail", job, MemRead, kSrc0 + 20 * 64);
    bench.sc.bad_beats = {};
    bad(bench, "last point beat fails", job, HostRead, kSrc1 + 40 * 64);
    bench.pt.bad_beats = {};

    bench.wr.fail = true;
    bench.wr.err_addr = kDst + 64;
    bad(bench, "failed write", make(p, 3, random), HostWrite, kDst + 64);
    job = make(p, 3, random);
    job.dst_dev = true;
    bad(bench, "failed write, device", job, MemWrite, kDst + 64);
    bench.wr.fail = false;
    bench.nothing_stays("a failed write");
    good(bench, "after errors", make(p, 40, random));
}

void dumps(Bench& bench, const Points& p) {
    Job job = make(p, kC < 6 ? 300 : 9, [](size_t) { return random_scalar(); });
    job.dump = true;
    good(bench, "dump", job);
    job.mont = true;
    good(bench, "dump, Montgomery form", job);
    job.mont = false;
    for (size_t i = 0; i < 3; i++) {   // a bucket that holds infinity is not an empty one
        U256 k = job.scalars[i];
        Affine neg{p.points[i].x, fq().sub(U256{}, p.points[i].y)};
        job.push(k, fr().sub(U256{}, p.logs[i]), neg);
    }
    good(bench, "dump with infinities", job);
    bench.nothing_stays("a dump");
    good(bench, "after a dump", make(p, 50, [](size_t) { return random_scalar(); }));
}

void resets(Bench& bench, const Points& p) {
    auto random = [](size_t) { return random_scalar(); };
    Job job = make(p, 64, random);
    Outcome whole = good(bench, "before the resets", job);
    unsigned seen = 0;
    for (uint64_t at : {50ul, 600ul, 900ul, 1200ul, 1600ul, 2000ul, 2500ul, whole.cycles / 2, whole.cycles - 700, whole.cycles - 100}) {
        bench.run(job, at);
        seen |= bench.residue();
        bench.reset();
        bench.nothing_stays("reset");
        good(bench, "after a reset", make(p, 10, random));
    }
    CHECK(seen == 7, "the probe saw %u of what a job keeps", seen);
}

void rates(Bench& bench, const Points& p) {
    size_t n = p.points.size();
    auto random = [](size_t) { return random_scalar(); };
    good(bench, "rate: random", make(p, n, random), kRate);
    U256 a = random_scalar(), b = random_scalar();
    good(bench, "rate: all equal", make(p, n, [&](size_t) { return a; }), kRate);
    good(bench, "rate: two values", make(p, n, [&](size_t i) { return i % 2 ? a : b; }), kRate);
    Job sorted = make(p, n, random);
    std::sort(sorted.scalars.begin(), sorted.scalars.end(), less);
    good(bench, "rate: sorted", sorted, kRate);
    good(bench, "rate: all r-1", make(p, n, [](size_t) { return minus(fr().m, 1); }), kRate);
    good(bench, "0 and 1", make(p, n, [](size_t) { return small(rng() & 1); }));
}

}  // namespace

int main(int argc, char** argv) {
    Verilated::commandArgs(argc, argv);
    size_t n = getenv("MSM_POINTS") ? strtoul(getenv("MSM_POINTS"), nullptr, 10) : kRatePoints;
    Bench bench;
    Points few(300);
    printf("c=%u W=%u\n", kC, kW);
    if (!getenv("MSM_RATES_ONLY")) {
        shapes(bench, few);
        errors(bench, few);
        dumps(bench, few);
        resets(bench, few);
    }
    rates(bench, Points(n));
    printf("%lu cycles, %d failures\n", (unsigned long)bench.now, failures);
    return failures != 0;
}
