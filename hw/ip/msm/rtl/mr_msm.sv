// MSM engine over G1 of BN254: sum of k_i P_i for scalars and affine points streamed in, one job at a time.
//
//   beats -> mr_msm_feeder -> (slot, +-P) -+-> mr_msm_slots -> pairs -> mr_point_add -+
//            mr_msm_reduce -> (slot, op) --+        ^                                 |
//            mr_msm_reduce <- takes <---------------+--------- sums <-----------------+
//            mr_msm_reduce -> mr_msm_result -> beats
//
// A job: feed (bucket phase), drain, reduce (or dump), write, done. Bucket i of window w is slot w 2^(c-1) + i - 1
// (docs/spec/device.md, MSM_G1).
//
// Operand ranges: count 1..2^32-1, scalars < r, coordinates < q, (0, 0) = infinity; curve membership is the host's duty. After an
// error all beats asked for are taken, additions under way are finished, the slots are cleared and nothing is written.
//
// Throughput: one non-zero digit a cycle in the bucket phase (measured: doc/msm.md). After reset and after an error `cmd_ready_o`
// stays low for W 2^(c-1) cycles while the slots are cleared.
module mr_msm
  import mr_job_pkg::*;
  import mr_msm_pkg::*;
  import mr_curve_pkg::point_t;
#(
  /// Bits of a window (c), 3..16.
  parameter int unsigned WindowBits = 8,
  /// Windows (W); W c is at least 255, and every window beyond that only costs time.
  parameter int unsigned Windows    = 32,
  /// Read latency of the slots' data RAM in cycles, at least 1.
  parameter int unsigned RamLatency = 2,
  /// Places for pairs that wait for the adder, a power of two.
  parameter int unsigned QueueDepth = 32
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         cmd_valid_i,
  output logic         cmd_ready_o,
  input  cmd_t         cmd_i,

  output logic         sc_req_valid_o,
  input  logic         sc_req_ready_i,
  output dma_req_t     sc_req_o,
  input  logic         sc_valid_i,
  output logic         sc_ready_o,
  input  dma_beat_t    sc_beat_i,

  output logic         pt_req_valid_o,
  input  logic         pt_req_ready_i,
  output dma_req_t     pt_req_o,
  input  logic         pt_valid_i,
  output logic         pt_ready_o,
  input  dma_beat_t    pt_beat_i,

  output logic         wr_req_valid_o,
  input  logic         wr_req_ready_i,
  output dma_req_t     wr_req_o,
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [511:0] wr_data_o,
  input  logic         wr_done_valid_i,
  input  dma_wdone_t   wr_done_i,

  output logic         done_valid_o,
  input  logic         done_ready_i,
  output done_t        done_o,

  output logic         stat_digits_o,          // a digit was accepted by the slots
  output logic         stat_bucket_active_o,   // between the first digit offered and the last accepted
  output logic         stat_adds_o,            // an addition was issued
  output logic         stat_activity_o         // any operation was issued
);

  localparam int unsigned NumSlots = Windows << (WindowBits - 1);
  localparam int unsigned SlotW    = $clog2(NumSlots);

  localparam logic [63:0] ResultBytes = 64'd128;
  localparam logic [63:0] DumpBytes   = 64'd128 * 64'(NumSlots);
  localparam logic [63:0] CountField  = 64'd32;   // byte offset of `count` in the descriptor

  typedef enum logic [2:0] {StIdle, StStart, StFeed, StReduce, StDone} state_e;

  state_e state_q;
  cmd_t   cmd_q;
  done_t  done_q;

  // Slots and adder.
  logic             clear, clearing, drained;
  logic             op_valid, op_ready, feed_valid, red_valid;
  op_e              op, red_op;
  logic [SlotW-1:0] op_slot, feed_slot, red_slot, pair_slot, sum_slot;
  point_t           op_point, feed_point, red_point, pair_p, pair_q, sum_point, take_point;
  logic             pair_valid, sum_valid, take_valid, take_full;
  logic             feeding;

  assign op_valid = feeding ? feed_valid : red_valid;
  assign op       = feeding ? OpInsert : red_op;
  assign op_slot  = feeding ? feed_slot : red_slot;
  assign op_point = feeding ? feed_point : red_point;

  mr_msm_slots #(
    .NumSlots  (NumSlots),
    .RamLatency(RamLatency),
    .QueueDepth(QueueDepth)
  ) u_slots (
    .clk_i, .rst_ni,
    .idle_i      (state_q == StIdle),
    .clear_i     (clear),
    .clearing_o  (clearing),
    .a_valid_i   (op_valid),
    .a_ready_o   (op_ready),
    .a_op_i      (op),
    .a_slot_i    (op_slot),
    .a_point_i   (op_point),
    .b_valid_i   (sum_valid),
    .b_slot_i    (sum_slot),
    .b_point_i   (sum_point),
    .pair_valid_o(pair_valid),
    .pair_p_o    (pair_p),
    .pair_q_o    (pair_q),
    .pair_slot_o (pair_slot),
    .take_valid_o(take_valid),
    .take_full_o (take_full),
    .take_point_o(take_point),
    .drained_o   (drained)
  );

  mr_point_add #(
    .TagW(SlotW)
  ) u_add (
    .clk_i, .rst_ni,
    .valid_i(pair_valid),
    .p_i    (pair_p),
    .q_i    (pair_q),
    .tag_i  (pair_slot),
    .valid_o(sum_valid),
    .r_o    (sum_point),
    .tag_o  (sum_slot)
  );

  // Feeder, sequencer, result.
  logic        feed_start, feed_done, feed_error, starved;
  cause_e      feed_cause;
  logic [63:0] feed_position;

  mr_msm_feeder #(
    .WindowBits(WindowBits),
    .Windows   (Windows)
  ) u_feeder (
    .clk_i, .rst_ni,
    .start_i   (feed_start),
    .cmd_i     (cmd_q),
    .done_o    (feed_done),
    .error_o   (feed_error),
    .cause_o   (feed_cause),
    .position_o(feed_position),
    .starved_o (starved),
    .sc_req_valid_o, .sc_req_ready_i, .sc_req_o, .sc_valid_i, .sc_ready_o, .sc_beat_i,
    .pt_req_valid_o, .pt_req_ready_i, .pt_req_o, .pt_valid_i, .pt_ready_o, .pt_beat_i,
    .op_valid_o(feed_valid),
    .op_ready_i(feeding && op_ready),
    .op_slot_o (feed_slot),
    .op_point_o(feed_point)
  );

  logic   red_start, red_done, out_valid, out_ready, out_full;
  point_t out_point;

  mr_msm_reduce #(
    .WindowBits(WindowBits),
    .Windows   (Windows)
  ) u_reduce (
    .clk_i, .rst_ni,
    .start_i     (red_start),
    .dump_i      (cmd_q.dump),
    .done_o      (red_done),
    .op_valid_o  (red_valid),
    .op_ready_i  (!feeding && op_ready),
    .op_o        (red_op),
    .op_slot_o   (red_slot),
    .op_point_o  (red_point),
    .take_valid_i(take_valid),
    .take_full_i (take_full),
    .take_point_i(take_point),
    .drained_i   (drained),
    .out_valid_o (out_valid),
    .out_ready_i (out_ready),
    .out_full_o  (out_full),
    .out_point_o (out_point)
  );

  logic        res_done, res_waiting, res_error;
  logic [63:0] res_err_addr, res_digest;

  mr_msm_result #(
    .NumSlots(NumSlots)
  ) u_result (
    .clk_i, .rst_ni,
    .start_i   (red_start),
    .cmd_i     (cmd_q),
    .done_o    (res_done),
    .waiting_o (res_waiting),
    .error_o   (res_error),
    .err_addr_o(res_err_addr),
    .digest_o  (res_digest),
    .in_valid_i(out_valid),
    .in_ready_o(out_ready),
    .in_full_i (out_full),
    .in_point_i(out_point),
    .wr_req_valid_o, .wr_req_ready_i, .wr_req_o,
    .wr_valid_o, .wr_ready_i, .wr_data_o,
    .wr_done_valid_i, .wr_done_i
  );

  // Control.
  logic        cmd_fire, bad_count, bad_length, fed, reduced;
  logic [63:0] needed;

  assign cmd_ready_o = (state_q == StIdle) && !clearing;
  assign cmd_fire    = cmd_valid_i && cmd_ready_o;
  assign needed      = cmd_i.dump ? DumpBytes : ResultBytes;
  assign bad_count   = (cmd_i.count == '0) || (cmd_i.count[63:32] != '0);
  assign bad_length  = (cmd_i.dst_len < needed);

  assign feeding    = (state_q == StFeed);
  assign feed_start = (state_q == StStart);
  assign fed        = feeding && feed_done && drained;
  assign red_start  = fed && !feed_error;
  assign clear      = fed && feed_error;
  assign reduced    = (state_q == StReduce) && red_done && res_done;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:   if (cmd_fire) state_q <= (bad_count || bad_length) ? StDone : StStart;
        StStart:  state_q <= StFeed;
        StFeed:   if (fed) state_q <= feed_error ? StDone : StReduce;
        StReduce: if (reduced) state_q <= StDone;
        default:  if (done_ready_i) state_q <= StIdle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (cmd_fire) cmd_q <= cmd_i;
  end

  // Status and counters of the job.
  logic worked, waits;
  assign worked = pair_valid || (op_valid && op_ready);
  assign waits  = feeding ? starved : res_waiting;

  always_ff @(posedge clk_i) begin
    if (cmd_fire) begin
      done_q <= '0;
      if (bad_count) begin
        done_q.status   <= CauseBadDescriptor;
        done_q.position <= CountField;
      end else if (bad_length) begin
        done_q.status   <= CauseBadLength;
        done_q.position <= needed;
      end
    end else if (feed_start || feeding || state_q == StReduce) begin
      done_q.cycles  <= done_q.cycles + 1'b1;
      done_q.stalled <= done_q.stalled + 64'(!worked && waits);
      done_q.bubbles <= done_q.bubbles + 64'(!worked && !waits);
      done_q.issued  <= done_q.issued + 64'(pair_valid);
      if (clear) begin
        done_q.status   <= feed_cause;
        done_q.position <= feed_position;
      end else if (reduced && res_error) begin
        done_q.status   <= cmd_q.dst_dev ? CauseMemWrite : CauseHostWrite;
        done_q.position <= res_err_addr;
      end else if (reduced) begin
        done_q.digest <= res_digest;
      end
    end
  end

  assign done_valid_o = (state_q == StDone);
  assign done_o       = done_q;

  // Statistics.
  logic offered_q;   // a digit of this job has been offered

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !feeding) offered_q <= 1'b0;
    else if (feed_valid) offered_q <= 1'b1;
  end

  assign stat_digits_o        = feeding && feed_valid && op_ready;
  assign stat_bucket_active_o = feeding && !feed_done && (offered_q || feed_valid);
  assign stat_adds_o          = pair_valid;
  assign stat_activity_o      = worked;

  assert property (@(posedge clk_i) disable iff (!rst_ni) (done_valid_o && !done_ready_i) |=> (done_valid_o && $stable(done_o)));
  assert property (@(posedge clk_i) disable iff (!rst_ni) (state_q == StIdle) |-> (drained && feed_done && red_done && res_done));
  assert property (@(posedge clk_i) disable iff (!rst_ni) feeding |-> !red_valid);

endmodule
