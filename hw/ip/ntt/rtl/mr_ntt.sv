// NTT engine: transforms of 2 .. 2^LogMax values of Fr on the chip, forward, inverse, each plain or on the coset of ω_2n.
//
//   forward   X[k] = Σ x[j] (ω_2n^coset · ω_n^k)^j          inverse   the inverse of that map
//
// One radix-2 butterfly a cycle in place, one multiplier. Forward jobs are loaded in bit-reversed order and decimate in time;
// inverse jobs run the inverse stages backwards and are stored in bit-reversed order; the coset shift lies in the
// twiddles and n^-1 in the butterflies, so a job is load, log_n passes and store, and nothing else.
//
//   phase       cycles for n = 2^log_n
//   load        latency of the first beat + n/2
//   stages      log_n · n/2 + gaps (none between stages for n >= 4·PipeLatency) + PipeLatency
//   store       n/2 + 3, then the write response
//
// After reset, before `cmd_ready_o`: 2^LogMax + LogMax·PipeLatency cycles in which the twiddle table is made and the value
// memory cleared. The memory is zero again at the end of each job, right or failed. One job at a time; a job that fails takes all
// the beats it asked for and writes nothing (docs/spec/device.md, docs/blocks/interfaces.md).
module mr_ntt #(
  /// log2 of the longest transform, 2..27.
  parameter int unsigned LogMax = 13
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,

  input  logic                   cmd_valid_i,
  output logic                   cmd_ready_o,
  input  mr_job_pkg::cmd_t       cmd_i,

  output logic                   rd_req_valid_o,
  input  logic                   rd_req_ready_i,
  output mr_job_pkg::dma_req_t   rd_req_o,
  input  logic                   rd_valid_i,
  output logic                   rd_ready_o,
  input  mr_job_pkg::dma_beat_t  rd_beat_i,

  output logic                   wr_req_valid_o,
  input  logic                   wr_req_ready_i,
  output mr_job_pkg::dma_req_t   wr_req_o,
  output logic                   wr_valid_o,
  input  logic                   wr_ready_i,
  output logic [511:0]           wr_data_o,
  input  logic                   wr_done_valid_i,
  input  mr_job_pkg::dma_wdone_t wr_done_i,

  output logic                   done_valid_o,
  input  logic                   done_ready_i,
  output mr_job_pkg::done_t      done_o,

  /// A butterfly is issued.
  output logic                   stat_butterflies_o,
  /// Any operation is issued: butterfly, twiddle product, clearing.
  output logic                   stat_activity_o
);

  import mr_job_pkg::*;

  localparam int unsigned LogW = $clog2(LogMax + 1);

  if (LogMax < 2 || LogMax >= mr_ntt_pkg::TwoAdicity) begin : gen_illegal_log_max
    $fatal(1, "mr_ntt: LogMax is 2..27");
  end

  typedef enum logic [3:0] {
    StBoot, StInit, StIdle, StCheck, StReadReq, StLoad, StStages, StWriteReq, StStore, StClear, StDone
  } state_e;

  state_e          state_q;
  cmd_t            cmd_q;
  logic [LogW-1:0] log_n;
  cause_e          status_q;
  logic [63:0]     position_q;

  // A job's parameters; while the memory is cleared after reset, those of the longest transform.
  assign log_n = (state_q == StInit || state_q == StBoot) ? LogW'(LogMax) : LogW'(cmd_q.log_n);

  logic unused_cmd;
  assign unused_cmd = &{1'b0, cmd_q.opcode, cmd_q.src1_dev, cmd_q.dump, cmd_q.mont, cmd_q.src1};

  // ---- form of the descriptor (docs/spec/device.md, "Causes") ----

  cause_e      check_status;
  logic [63:0] check_position, values, bytes;
  logic        log_bad;
  assign log_bad = cmd_q.log_n == '0 || cmd_q.log_n > 8'(LogMax);
  assign values  = 64'((LogMax+1)'(1) << LogW'(cmd_q.log_n));
  assign bytes   = values << 5;
  always_comb begin
    check_status   = CauseOk;
    check_position = '0;
    if (log_bad) begin
      check_status   = CauseBadDescriptor;
      check_position = 64'd2;
    end else if (cmd_q.count != values) begin
      check_status   = CauseBadDescriptor;
      check_position = 64'd32;
    end else if (cmd_q.dst_len < bytes) begin
      check_status   = CauseBadLength;
      check_position = bytes;
    end
  end

  // ---- control ----

  logic   load_done, stages_done, store_done, store_busy, build_busy;
  cause_e load_status;
  logic [63:0] load_position;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StBoot;
    end else begin
      unique case (state_q)
        StBoot: state_q <= StInit;
        StInit: if (!build_busy && !store_busy) state_q <= StIdle;
        StIdle: if (cmd_valid_i) begin
          cmd_q   <= cmd_i;
          state_q <= StCheck;
        end
        StCheck: begin
          status_q   <= check_status;
          position_q <= check_position;
          state_q    <= (check_status == CauseOk) ? StReadReq : StDone;
        end
        StReadReq: if (rd_req_ready_i) state_q <= StLoad;
        StLoad: if (load_done) begin
          status_q   <= load_status;
          position_q <= load_position;
          state_q    <= (load_status == CauseOk) ? StStages : StClear;
        end
        StStages: if (stages_done) state_q <= StWriteReq;
        StWriteReq: if (wr_req_ready_i) state_q <= StStore;
        // The response comes after the last beat, and the last beat after the last zero.
        StStore: if (wr_done_valid_i) begin
          if (wr_done_i.err) begin
            status_q   <= cmd_q.dst_dev ? CauseMemWrite : CauseHostWrite;
            position_q <= wr_done_i.err_addr;
          end
          state_q <= StDone;
        end
        StClear: if (store_done) state_q <= StDone;
        StDone: if (done_ready_i) state_q <= StIdle;
        default: state_q <= StBoot;
      endcase
    end
  end

  assign cmd_ready_o    = state_q == StIdle;
  assign rd_req_valid_o = state_q == StReadReq;
  assign rd_req_o       = '{dev: cmd_q.src0_dev, addr: cmd_q.src0, beats: 32'(values >> 1)};
  assign wr_req_valid_o = state_q == StWriteReq;
  assign wr_req_o       = '{dev: cmd_q.dst_dev, addr: cmd_q.dst, beats: 32'(values >> 1)};

  // ---- load ----

  logic              load_wr_valid;
  logic [LogMax-1:0] load_wr_a, load_wr_b;
  logic [253:0]      load_wr_a_data, load_wr_b_data;

  mr_ntt_load #(.LogMax(LogMax)) u_load (
    .clk_i, .rst_ni,
    .start_i(rd_req_valid_o && rd_req_ready_i), .log_n_i(log_n), .reverse_i(!cmd_q.inverse),
    .src_dev_i(cmd_q.src0_dev), .src_i(cmd_q.src0),
    .rd_valid_i, .rd_ready_o, .rd_beat_i,
    .wr_valid_o(load_wr_valid), .wr_a_o(load_wr_a), .wr_b_o(load_wr_b),
    .wr_a_data_o(load_wr_a_data), .wr_b_data_o(load_wr_b_data),
    .done_o(load_done), .status_o(load_status), .position_o(load_position)
  );

  // ---- stages: sequencer, twiddles, butterfly; the latter also makes the twiddle table ----

  // Cycles that an address takes through memory and butterfly to the first read that sees the result.
  localparam int unsigned MemLatency       = 2;
  localparam int unsigned ButterflyLatency = 1 + 2 * mr_field_pkg::ModAddLatency + mr_field_pkg::ModMulLatency;
  localparam int unsigned PipeLatency      = MemLatency + ButterflyLatency + 1;

  logic              seq_valid, seq_neg;
  logic [LogMax-1:0] seq_a, seq_b, seq_twiddle;
  logic              build_valid;
  logic [253:0]      build_factor, mem_a, mem_b, twiddle;

  mr_ntt_seq #(.LogMax(LogMax), .Latency(PipeLatency)) u_seq (
    .clk_i, .rst_ni,
    .start_i(state_q == StLoad && load_done && load_status == CauseOk),
    .log_n_i(log_n), .inverse_i(cmd_q.inverse), .coset_i(cmd_q.coset),
    .valid_o(seq_valid), .a_o(seq_a), .b_o(seq_b), .twiddle_o(seq_twiddle), .neg_o(seq_neg),
    .done_o(stages_done)
  );

  // Valid and sign next to the memory's two stages.
  logic [MemLatency-1:0] op_valid_q, op_neg_q;
  always_ff @(posedge clk_i) begin
    op_valid_q <= rst_ni ? {op_valid_q[MemLatency-2:0], seq_valid || build_valid} : '0;
    op_neg_q   <= {op_neg_q[MemLatency-2:0], seq_neg};
  end

  logic         out_valid;
  logic [253:0] out_x, out_y;
  mr_ntt_butterfly u_butterfly (
    .clk_i, .rst_ni,
    .inverse_i(!build_busy && cmd_q.inverse),
    .valid_i(op_valid_q[MemLatency-1]), .neg_i(op_neg_q[MemLatency-1]),
    .a_i(build_busy ? 254'd0 : mem_a), .b_i(build_busy ? build_factor : mem_b), .w_i(twiddle),
    .valid_o(out_valid), .x_o(out_x), .y_o(out_y)
  );

  mr_ntt_twiddle #(.LogMax(LogMax), .Latency(PipeLatency)) u_twiddle (
    .clk_i, .rst_ni,
    .build_i(state_q == StBoot), .build_busy_o(build_busy), .build_valid_o(build_valid),
    .factor_o(build_factor), .product_valid_i(out_valid), .product_i(out_x),
    .rd_idx_i(seq_twiddle), .rd_o(twiddle)
  );

  logic [LogMax-1:0] back_a, back_b;
  mr_delay #(.Width(2 * LogMax), .Depth(MemLatency + ButterflyLatency)) u_back (
    .clk_i, .rst_ni, .d_i({seq_a, seq_b}), .q_o({back_a, back_b})
  );

  // ---- store, and clearing ----

  logic              store_mem_en, store_mem_valid, zero_valid;
  logic [LogMax-1:0] store_mem_a, store_mem_b, zero_a, zero_b;
  logic [63:0]       digest;
  logic              store_start;

  assign store_start = (state_q == StBoot) || (wr_req_valid_o && wr_req_ready_i)
                       || (state_q == StLoad && load_done && load_status != CauseOk);

  mr_ntt_store #(.LogMax(LogMax)) u_store (
    .clk_i, .rst_ni,
    .start_i(store_start), .clear_i(state_q != StStore), .log_n_i(log_n), .reverse_i(cmd_q.inverse && state_q == StStore),
    .mem_en_o(store_mem_en), .mem_valid_o(store_mem_valid), .mem_a_o(store_mem_a), .mem_b_o(store_mem_b),
    .mem_a_i(mem_a), .mem_b_i(mem_b),
    .zero_valid_o(zero_valid), .zero_a_o(zero_a), .zero_b_o(zero_b),
    .wr_valid_o, .wr_ready_i, .wr_data_o,
    .busy_o(store_busy), .done_o(store_done), .digest_o(digest)
  );

  // ---- value memory: read by stages or store; written by load, stages or zeroes ----

  logic              mem_wr_valid, in_stages;
  logic [LogMax-1:0] mem_wr_a, mem_wr_b;
  logic [253:0]      mem_wr_a_data, mem_wr_b_data;

  assign in_stages = state_q == StStages;
  always_comb begin
    mem_wr_valid  = load_wr_valid || zero_valid || (out_valid && !build_busy);
    mem_wr_a      = zero_a;
    mem_wr_b      = zero_b;
    mem_wr_a_data = '0;
    mem_wr_b_data = '0;
    if (in_stages) begin
      mem_wr_a      = back_a;
      mem_wr_b      = back_b;
      mem_wr_a_data = out_x;
      mem_wr_b_data = out_y;
    end else if (load_wr_valid) begin
      mem_wr_a      = load_wr_a;
      mem_wr_b      = load_wr_b;
      mem_wr_a_data = load_wr_a_data;
      mem_wr_b_data = load_wr_b_data;
    end
  end

  mr_ntt_mem #(.LogMax(LogMax)) u_mem (
    .clk_i, .rst_ni,
    .rd_en_i(in_stages || store_mem_en), .rd_valid_i(in_stages ? seq_valid : store_mem_valid),
    .rd_a_i(in_stages ? seq_a : store_mem_a), .rd_b_i(in_stages ? seq_b : store_mem_b),
    .rd_a_o(mem_a), .rd_b_o(mem_b),
    .wr_valid_i(mem_wr_valid), .wr_a_i(mem_wr_a), .wr_b_i(mem_wr_b),
    .wr_a_data_i(mem_wr_a_data), .wr_b_data_i(mem_wr_b_data)
  );

  // ---- counters: each cycle of a job moves something, waits for memory or host, or is a bubble ----

  logic        in_job, useful, waiting;
  logic [63:0] cycles_q, stalled_q, bubbles_q, issued_q;

  assign in_job = !(state_q inside {StBoot, StInit, StIdle, StDone});
  assign useful = (rd_valid_i && rd_ready_o) || seq_valid || (wr_valid_o && wr_ready_i);
  assign waiting = (state_q == StReadReq && !rd_req_ready_i) || rd_ready_o
                   || (state_q == StWriteReq && !wr_req_ready_i) || wr_valid_o
                   || (state_q == StStore && !store_busy);

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      cycles_q  <= '0;
      stalled_q <= '0;
      bubbles_q <= '0;
      issued_q  <= '0;
    end else if (in_job) begin
      cycles_q  <= cycles_q + 64'd1;
      stalled_q <= stalled_q + 64'(!useful && waiting);
      bubbles_q <= bubbles_q + 64'(!useful && !waiting);
      issued_q  <= issued_q + 64'(seq_valid);
    end
  end

  assign done_valid_o = state_q == StDone;
  assign done_o = '{
    status: status_q, position: position_q, cycles: cycles_q, stalled: stalled_q, bubbles: bubbles_q,
    issued: issued_q, digest: (status_q == CauseOk) ? digest : 64'd0
  };

  assign stat_butterflies_o = seq_valid;
  assign stat_activity_o    = seq_valid || build_valid || zero_valid;

`ifndef SYNTHESIS
  DoneStable: assert property (@(posedge clk_i) disable iff (!rst_ni)
      done_valid_o && !done_ready_i |=> done_valid_o && $stable(done_o));
  OneWriter: assert property (@(posedge clk_i) disable iff (!rst_ni)
      $onehot0({load_wr_valid, zero_valid, out_valid && !build_busy}));
  WriteBackInStages: assert property (@(posedge clk_i) disable iff (!rst_ni)
      out_valid && !build_busy |-> in_stages);
  ResponseExpected: assert property (@(posedge clk_i) disable iff (!rst_ni)
      wr_done_valid_i |-> state_q == StStore && !store_busy);
`endif

endmodule
