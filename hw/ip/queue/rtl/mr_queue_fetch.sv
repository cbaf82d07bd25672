// Submission side of a queue: fetches descriptors, checks them, hands out jobs.
//
// Up to ChunkEntries descriptors are asked for at once, up to twice as many are under way or in the read channel's FIFO, never across
// the ring's end, never beyond the doorbell. For each: phase, epoch, form (mr_layout_pkg::descriptor_form). A refused one becomes a job for
// TargetNone with the cause; after BAD_PHASE, BAD_EPOCH or a read error (which has no completion) the queue stops.
//
// credit_i: the completion ring has room for one job more. A job is handed out in the cycle job_valid_o && job_ready_i; it may be
// withdrawn when the queue stops.
module mr_queue_fetch
  import mr_job_pkg::*;
  import mr_queue_pkg::*;
#(
  /// This queue's number, copied into its jobs.
  parameter int unsigned Index = 0,
  /// Descriptors of a read, a power of two, 2..16.
  parameter int unsigned ChunkEntries = 8
) (
  input  logic        clk_i,
  input  logic        rst_ni,
  // From the queue's control: start_i pulses with base, mask (ring size - 1) and epoch valid until the next start.
  input  logic        start_i,
  input  logic        run_i,
  input  logic [63:0] base_i,
  input  logic [9:0]  mask_i,
  input  logic [31:0] epoch_i,
  input  logic [9:0]  tail_i,
  input  logic        credit_i,
  output logic [9:0]  head_o,
  /// Pulses when the queue must stop, with the cause.
  output logic        stop_o,
  output logic [7:0]  stop_cause_o,
  /// A descriptor is known of and not handed out yet, or a read is under way.
  output logic        active_o,
  // Read channel.
  output logic        rd_req_valid_o,
  input  logic        rd_req_ready_i,
  output dma_req_t    rd_req_o,
  input  logic        rd_valid_i,
  output logic        rd_ready_o,
  input  dma_beat_t   rd_beat_i,
  output logic        flush_o,
  input  logic        channel_idle_i,
  // Dispatch.
  output logic        job_valid_o,
  input  logic        job_ready_i,
  output job_t        job_o
);

  logic [9:0] fetch_q, head_q;   // next to ask for, next to hand out
  logic [5:0] ahead_q;           // asked for and not handed out
  logic       phase_q;           // phase of the lap of head_q
  logic       req_valid_q;
  dma_req_t   req_q;

  mr_layout_pkg::descriptor_t d;
  mr_layout_pkg::form_t form;
  logic [10:0] to_end, known;
  logic [4:0]  chunk;
  logic        ask, hand_out, bad_phase, bad_epoch;

  // How many to ask for: up to the doorbell, the ring's end, ChunkEntries.
  assign known = {1'b0, (tail_i - fetch_q) & mask_i};
  assign to_end = {1'b0, mask_i} + 11'd1 - {1'b0, fetch_q};
  always_comb begin
    chunk = 5'(ChunkEntries);
    if (known < 11'(ChunkEntries)) chunk = known[4:0];
    if (to_end < {6'd0, chunk}) chunk = to_end[4:0];
  end
  assign ask = run_i && !req_valid_q && known != 11'd0 && ahead_q <= 6'(ChunkEntries);

  assign rd_req_valid_o = req_valid_q && run_i;
  assign rd_req_o = req_q;
  assign flush_o = !run_i;

  assign d = mr_layout_pkg::descriptor_t'(rd_beat_i.data);
  assign form = mr_layout_pkg::descriptor_form(d);
  assign bad_phase = d.phase != phase_q;
  assign bad_epoch = d.epoch != epoch_i;

  assign job_valid_o = run_i && rd_valid_i && !rd_beat_i.err && credit_i;
  assign hand_out = job_valid_o && job_ready_i;
  assign rd_ready_o = hand_out || (run_i && rd_valid_i && rd_beat_i.err);
  assign stop_o = (hand_out && (bad_phase || bad_epoch)) || (run_i && rd_valid_i && rd_beat_i.err);
  assign stop_cause_o = rd_beat_i.err ? CauseHostRead : bad_phase ? CauseBadPhase : CauseBadEpoch;
  assign head_o = head_q;
  assign active_o = (run_i && known != 11'd0) || (run_i && ahead_q != 6'd0) || !channel_idle_i;

  always_comb begin
    job_o = '0;
    job_o.meta = '{queue_id: 4'(Index), job_id: d.job_id, opcode: d.opcode, sq_head: {6'd0, (head_q + 10'd1) & mask_i},
                   irq: d.flags[mr_layout_pkg::FlagIrq]};
    job_o.cmd = '{opcode: d.opcode, src0_dev: d.flags[mr_layout_pkg::FlagSrc0Dev], src1_dev: d.flags[mr_layout_pkg::FlagSrc1Dev],
                  dst_dev: d.flags[mr_layout_pkg::FlagDstDev], dump: d.flags[mr_layout_pkg::FlagDump],
                  inverse: d.flags[mr_layout_pkg::FlagInverse], coset: d.flags[mr_layout_pkg::FlagCoset],
                  mont: d.flags[mr_layout_pkg::FlagMont], log_n: d.log_n,
                  src0: d.src0, src1: d.src1, dst: d.dst, count: d.count, dst_len: d.dst_len_bytes};
    if (bad_phase) begin
      job_o.status = CauseBadPhase;
      job_o.position = {54'd0, head_q};
    end else if (bad_epoch) begin
      job_o.status = CauseBadEpoch;
      job_o.position = {32'd0, d.epoch};
    end else if (form.cause != CauseOk) begin
      job_o.status = form.cause;
      job_o.position = {56'd0, form.position};
    end else begin
      unique case (d.opcode)
        mr_layout_pkg::OpcodeCopy:  job_o.target = TargetCopy;
        mr_layout_pkg::OpcodeMsmG1: job_o.target = TargetMsm;
        mr_layout_pkg::OpcodeNtt:   job_o.target = TargetNtt;
        default:                    job_o.target = TargetNone;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fetch_q <= '0;
      head_q <= '0;
      ahead_q <= '0;
      phase_q <= 1'b1;
      req_valid_q <= 1'b0;
      req_q <= '0;
    end else begin
      if (ask) begin
        req_valid_q <= 1'b1;
        req_q <= '{dev: 1'b0, addr: base_i + {48'd0, fetch_q, 6'd0}, beats: {27'd0, chunk}};
        fetch_q <= (fetch_q + {5'd0, chunk}) & mask_i;
      end else if (rd_req_ready_i || !run_i) begin
        req_valid_q <= 1'b0;
      end
      ahead_q <= ahead_q + (ask ? {1'b0, chunk} : 6'd0) - 6'(hand_out);
      if (hand_out) begin
        head_q <= (head_q + 10'd1) & mask_i;
        if (head_q == mask_i) phase_q <= !phase_q;
      end
      if (start_i || !run_i) ahead_q <= '0;
      if (start_i) begin
        fetch_q <= '0;
        head_q <= '0;
        phase_q <= 1'b1;
      end
    end
  end

  // What was asked for fits the read channel's FIFO of 2 * ChunkEntries beats.
  a_ahead: assert property (@(posedge clk_i) disable iff (!rst_ni) ahead_q <= 6'(2 * ChunkEntries));
  a_req_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    req_valid_q && run_i && !rd_req_ready_i |=> $stable(req_q));
  a_chunk_in_ring: assert property (@(posedge clk_i) disable iff (!rst_ni)
    ask |-> {1'b0, fetch_q} + {6'd0, chunk} <= {1'b0, mask_i} + 11'd1);

endmodule
