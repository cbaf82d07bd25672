// Completion side of a queue: keeps the completion ring's credit, writes entries, raises the interrupt.
//
// An entry is one aligned beat, phase and epoch in its last word. Results come after the write responses of their job, the next entry and
// the interrupt after the entry's own response. Credit: jobs handed out and entries not read by the host together never exceed the
// ring's size less one.
module mr_queue_complete
  import mr_job_pkg::*;
  import mr_queue_pkg::*;
(
  input  logic        clk_i,
  input  logic        rst_ni,
  // From the queue's control: start_i pulses with base, mask and epoch valid until the next start.
  input  logic        start_i,
  input  logic [63:0] base_i,
  input  logic [9:0]  mask_i,
  input  logic [31:0] epoch_i,
  input  logic [9:0]  cq_head_i,
  input  logic        irq_enable_i,
  output logic [9:0]  tail_o,
  /// A job is handed out in this cycle; allowed while credit_o.
  input  logic        hand_out_i,
  output logic        credit_o,
  /// Pulses when writing an entry failed.
  output logic        write_error_o,
  /// Jobs are out, or an entry is being written.
  output logic        active_o,
  // Results.
  input  logic        result_valid_i,
  output logic        result_ready_o,
  input  result_t     result_i,
  // Write channel.
  output logic         wr_req_valid_o,
  input  logic         wr_req_ready_i,
  output dma_req_t     wr_req_o,
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [511:0] wr_data_o,
  input  logic         wr_done_valid_i,
  input  dma_wdone_t   wr_done_i,
  /// Pulses after the response of an entry that asked for it.
  output logic         irq_o
);

  logic [9:0]  tail_q;    // next entry to write
  logic [10:0] out_q;     // jobs handed out whose entry is not written yet
  logic        phase_q, busy_q, req_q, data_q, want_irq_q, irq_q;
  mr_layout_pkg::completion_t entry_q;

  logic take, written;
  logic [10:0] unread;
  logic unused_result;

  assign unused_result = ^{result_i.meta.queue_id, wr_done_i.err_addr};
  assign unread = {1'b0, (tail_q - cq_head_i) & mask_i};
  assign credit_o = out_q + unread < {1'b0, mask_i};
  assign result_ready_o = !busy_q;
  assign take = result_valid_i && result_ready_o;
  assign written = busy_q && wr_done_valid_i;
  assign write_error_o = written && wr_done_i.err;
  assign wr_req_valid_o = req_q;
  assign wr_req_o = '{dev: 1'b0, addr: base_i + {48'd0, tail_q, 6'd0}, beats: 32'd1};
  assign wr_valid_o = data_q;
  assign wr_data_o = 512'(entry_q);
  assign tail_o = tail_q;
  assign irq_o = irq_q;
  assign active_o = out_q != 11'd0 || busy_q || irq_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      tail_q <= '0;
      out_q <= '0;
      phase_q <= 1'b1;
      busy_q <= 1'b0;
      req_q <= 1'b0;
      data_q <= 1'b0;
      want_irq_q <= 1'b0;
      irq_q <= 1'b0;
      entry_q <= '0;
    end else begin
      irq_q <= written && !wr_done_i.err && want_irq_q && irq_enable_i;
      if (wr_req_ready_i) req_q <= 1'b0;
      if (wr_ready_i) data_q <= 1'b0;
      if (take) begin
        busy_q <= 1'b1;
        req_q <= 1'b1;
        data_q <= 1'b1;
        want_irq_q <= result_i.meta.irq;
        entry_q <= '{job_id: result_i.meta.job_id, status: result_i.done.status, opcode: result_i.meta.opcode,
                     sq_head: result_i.meta.sq_head, position: result_i.done.position, cycles: result_i.done.cycles,
                     stalled: result_i.done.stalled, bubbles: result_i.done.bubbles, issued: result_i.done.issued,
                     digest: result_i.done.digest, epoch: epoch_i, phase: phase_q, default: '0};
      end
      if (written) begin
        busy_q <= 1'b0;
        tail_q <= (tail_q + 10'd1) & mask_i;
        if (tail_q == mask_i) phase_q <= !phase_q;
      end
      out_q <= out_q + 11'(hand_out_i) - 11'(written);
      if (start_i) begin
        tail_q <= '0;
        phase_q <= 1'b1;
      end
    end
  end

  a_credit: assert property (@(posedge clk_i) disable iff (!rst_ni) hand_out_i |-> credit_o);
  a_start_idle: assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> !active_o);
  a_result_expected: assert property (@(posedge clk_i) disable iff (!rst_ni) take |-> out_q != 11'd0);
  a_wr_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    wr_valid_o && !wr_ready_i |=> wr_valid_o && $stable(entry_q.job_id));

endmodule
