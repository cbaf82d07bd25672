// A queue: enabling and stopping, the submission side (mr_queue_fetch) and the completion side (mr_queue_complete).
//
// ENABLE 0 -> 1: doorbells are cleared at once; when nothing of an earlier enabling is left, base, size and epoch are read and both rings
// start at index 0 with phase 1. ENABLE 1 -> 0 stops fetching and forgets descriptors that were fetched; jobs handed out complete.
// An error stops the queue in the same way and stands in QUEUE_ERROR until the next start.
module mr_queue
  import mr_job_pkg::*;
  import mr_queue_pkg::*;
#(
  /// This queue's number.
  parameter int unsigned Index = 0,
  /// Descriptors of a read, a power of two, 2..16; the read channel's FIFO holds twice as many.
  parameter int unsigned ChunkEntries = 8
) (
  input  logic                     clk_i,
  input  logic                     rst_ni,
  input  mr_regs_pkg::queue_out_t  regs_i,
  output mr_regs_pkg::queue_in_t   regs_o,
  // Read channel for descriptors.
  output logic                     rd_req_valid_o,
  input  logic                     rd_req_ready_i,
  output dma_req_t                 rd_req_o,
  input  logic                     rd_valid_i,
  output logic                     rd_ready_o,
  input  dma_beat_t                rd_beat_i,
  output logic                     rd_flush_o,
  input  logic                     rd_idle_i,
  // Write channel for completions.
  output logic                     wr_req_valid_o,
  input  logic                     wr_req_ready_i,
  output dma_req_t                 wr_req_o,
  output logic                     wr_valid_o,
  input  logic                     wr_ready_i,
  output logic [511:0]             wr_data_o,
  input  logic                     wr_done_valid_i,
  input  dma_wdone_t               wr_done_i,
  // Dispatch.
  output logic                     job_valid_o,
  input  logic                     job_ready_i,
  output job_t                     job_o,
  input  logic                     result_valid_i,
  output logic                     result_ready_o,
  input  result_t                  result_i,
  output logic                     irq_o,
  /// Something of this queue is under way.
  output logic                     busy_o
);

  logic        enable_q, start_wanted_q, start_q, run_q;
  logic [7:0]  error_q;
  logic [63:0] sq_base_q, cq_base_q;
  logic [9:0]  mask_q;
  logic [31:0] epoch_q;

  logic        rise, start, size_ok, stop, write_error, credit, fetch_active, complete_active, active;
  logic [7:0]  stop_cause;
  logic [9:0]  head, tail;
  logic        unused_index;

  assign rise = regs_i.enable_value && !enable_q;
  assign active = fetch_active || complete_active;
  assign start = start_wanted_q && regs_i.enable_value && !active && !start_q;
  assign size_ok = regs_i.log_entries_value >= 8'(mr_layout_pkg::LogEntriesMin)
      && regs_i.log_entries_value <= 8'(mr_layout_pkg::LogEntriesMax);
  assign busy_o = active || rise || start_wanted_q || start_q || (enable_q && !regs_i.enable_value);
  assign unused_index = ^{regs_i.doorbell_sq_tail[15:10], regs_i.doorbell_cq_head[15:10]};

  assign regs_o = '{
    enable_active: busy_o,
    sq_head_value: {6'd0, head},
    cq_tail_value: {6'd0, tail},
    queue_error_cause: error_q,
    doorbell_sq_tail_clr: rise,
    doorbell_cq_head_clr: rise
  };

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      enable_q <= 1'b0;
      start_wanted_q <= 1'b0;
      start_q <= 1'b0;
      run_q <= 1'b0;
      error_q <= CauseOk;
      sq_base_q <= '0;
      cq_base_q <= '0;
      mask_q <= '0;
      epoch_q <= '0;
    end else begin
      enable_q <= regs_i.enable_value;
      start_q <= start && size_ok;
      if (rise) start_wanted_q <= 1'b1;
      else if (start || !regs_i.enable_value) start_wanted_q <= 1'b0;
      if (start) begin
        error_q <= size_ok ? CauseOk : CauseBadLength;
        sq_base_q <= {regs_i.sq_base_hi_addr, regs_i.sq_base_lo_addr, 12'd0};
        cq_base_q <= {regs_i.cq_base_hi_addr, regs_i.cq_base_lo_addr, 12'd0};
        mask_q <= (10'd1 << regs_i.log_entries_value[3:0]) - 10'd1;
        epoch_q <= regs_i.epoch_value;
      end
      if (start_q) run_q <= 1'b1;
      if (!regs_i.enable_value || rise) run_q <= 1'b0;
      if (stop || write_error) begin
        run_q <= 1'b0;
        if (error_q == CauseOk) error_q <= stop ? stop_cause : CauseHostWrite;
      end
    end
  end

  mr_queue_fetch #(.Index(Index), .ChunkEntries(ChunkEntries)) u_fetch (
    .clk_i, .rst_ni,
    .start_i(start_q), .run_i(run_q), .base_i(sq_base_q), .mask_i(mask_q), .epoch_i(epoch_q),
    .tail_i(regs_i.doorbell_sq_tail[9:0]), .credit_i(credit), .head_o(head),
    .stop_o(stop), .stop_cause_o(stop_cause), .active_o(fetch_active),
    .rd_req_valid_o, .rd_req_ready_i, .rd_req_o, .rd_valid_i, .rd_ready_o, .rd_beat_i,
    .flush_o(rd_flush_o), .channel_idle_i(rd_idle_i),
    .job_valid_o, .job_ready_i, .job_o
  );

  mr_queue_complete u_complete (
    .clk_i, .rst_ni,
    .start_i(start_q), .base_i(cq_base_q), .mask_i(mask_q), .epoch_i(epoch_q),
    .cq_head_i(regs_i.doorbell_cq_head[9:0]), .irq_enable_i(regs_i.irq_enable_value), .tail_o(tail),
    .hand_out_i(job_valid_o && job_ready_i), .credit_o(credit), .write_error_o(write_error), .active_o(complete_active),
    .result_valid_i, .result_ready_o, .result_i,
    .wr_req_valid_o, .wr_req_ready_i, .wr_req_o, .wr_valid_o, .wr_ready_i, .wr_data_o, .wr_done_valid_i, .wr_done_i,
    .irq_o
  );

endmodule
