// DMA write channel: collects beats, writes them in AXI bursts, and says when all responses of a request have come.
//
// Bursts have at most 16 beats and cross no 4 KiB line. A burst is offered when all its data lies in the FIFO, so that the write
// data channel, which all channels share, never waits for an engine, and no burst is ever cut short by a reset. One request at a
// time; up to 16 bursts may wait for their responses. A request for 0 beats is done at once.
//
// done_valid_o pulses once a request; err_addr is the first address of the first burst with an error response.
// flush_i: what was requested is forgotten, without a done. A burst that was offered finishes on the bus, other data is dropped; idle_o
// says when all responses have come. Index 0 of the two-bit ports is host memory, index 1 device memory.
module mr_dma_write
  import mr_job_pkg::*;
#(
  /// Beats of the FIFO: a power of two, 16..4096.
  parameter int unsigned Depth = 32
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         req_valid_i,
  output logic         req_ready_o,
  input  dma_req_t     req_i,
  input  logic         valid_i,
  output logic         ready_o,
  input  logic [511:0] data_i,
  output logic         done_valid_o,
  output dma_wdone_t   done_o,

  input  logic         flush_i,
  /// No request, no burst, no response and no beat is left.
  output logic         idle_o,

  output logic [1:0]           aw_valid_o,
  input  logic [1:0]           aw_ready_i,
  output mr_axi_pkg::ax_t      aw_o,
  output logic [1:0]           w_valid_o,
  input  logic [1:0]           w_ready_i,
  output mr_axi_pkg::w_t       w_o,
  input  logic [1:0]           b_valid_i,
  output logic [1:0]           b_ready_o,
  input  mr_axi_pkg::b_t       host_b_i,
  input  mr_axi_pkg::b_t       mem_b_i
);

  localparam int unsigned CountWidth = $clog2(Depth + 2);
  localparam int unsigned LogBursts = 4;

  if (Depth < 16) begin : gen_bad
    $error("mr_dma_write: Depth below the longest burst");
  end

  // The request under way and the beats for which no burst was offered yet.
  logic        active_q, dev_q, err_q;
  logic [63:0] addr_q, err_addr_q;
  logic [31:0] left_q;
  // The burst on the bus.
  logic        aw_valid_q;
  logic [63:0] aw_addr_q;
  logic [7:0]  aw_len_q;
  logic [4:0]  w_left_q;
  // Beats in the FIFO that belong to no burst yet.
  logic [CountWidth-1:0] spare_q;
  // First addresses of the bursts that wait for a response.
  logic [63:0] burst_addr_q [1 << LogBursts];
  logic [LogBursts:0] burst_wr_q, burst_rd_q;

  logic        aw_done, w_done, burst_free, issue, push, pop, drop, b_done, bursts_full, bursts_none;
  logic        fifo_valid, fifo_full, fifo_empty, finished;
  logic [4:0]  beats;
  logic [1:0]  resp;
  logic        unused_b;

  assign aw_done = aw_valid_q && aw_ready_i[dev_q];
  assign w_done = w_left_q != 5'd0 && fifo_valid && w_ready_i[dev_q];
  assign burst_free = (!aw_valid_q || aw_done) && (w_left_q == 5'd0 || (w_left_q == 5'd1 && w_done));
  assign bursts_full = burst_wr_q == {~burst_rd_q[LogBursts], burst_rd_q[LogBursts-1:0]};
  assign bursts_none = burst_wr_q == burst_rd_q;
  assign beats = mr_axi_pkg::burst_beats(addr_q[11:6], left_q);
  assign issue = left_q != 32'd0 && !flush_i && burst_free && !bursts_full && spare_q >= CountWidth'(beats);

  assign req_ready_o = !active_q && bursts_none && w_left_q == 5'd0 && !aw_valid_q && !flush_i;
  assign ready_o = !fifo_full && !flush_i;
  assign push = valid_i && ready_o;
  assign drop = flush_i && w_left_q == 5'd0 && fifo_valid;
  assign pop = w_done || drop;
  assign finished = active_q && left_q == 32'd0 && w_left_q == 5'd0 && !aw_valid_q && bursts_none;
  assign done_valid_o = finished && !flush_i;
  assign done_o = '{err: err_q, err_addr: err_addr_q};
  assign idle_o = !active_q && w_left_q == 5'd0 && !aw_valid_q && bursts_none && fifo_empty;

  assign aw_valid_o = {aw_valid_q && dev_q, aw_valid_q && !dev_q};
  assign aw_o = '{id: '0, addr: aw_addr_q, len: aw_len_q};
  assign w_valid_o = {2{w_left_q != 5'd0 && fifo_valid}} & {dev_q, !dev_q};
  assign w_o.strb = '1;
  assign w_o.last = w_left_q == 5'd1;
  assign b_ready_o = 2'b11;
  assign b_done = b_valid_i != 2'b00;
  assign resp = b_valid_i[1] ? mem_b_i.resp : host_b_i.resp;
  assign unused_b = ^{host_b_i.id, mem_b_i.id, resp[0], req_i.addr[5:0]};

  mr_dma_fifo #(.Width(512), .Depth(Depth)) u_fifo (
    .clk_i, .rst_ni,
    .push_i(push), .data_i, .full_o(fifo_full),
    .valid_o(fifo_valid), .pop_i(pop), .data_o(w_o.data), .empty_o(fifo_empty)
  );

  always_ff @(posedge clk_i) begin
    if (issue) burst_addr_q[burst_wr_q[LogBursts-1:0]] <= addr_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
      dev_q <= 1'b0;
      err_q <= 1'b0;
      addr_q <= '0;
      err_addr_q <= '0;
      left_q <= '0;
      aw_valid_q <= 1'b0;
      aw_addr_q <= '0;
      aw_len_q <= '0;
      w_left_q <= '0;
      spare_q <= '0;
      burst_wr_q <= '0;
      burst_rd_q <= '0;
    end else begin
      if (aw_done) aw_valid_q <= 1'b0;
      if (w_done) w_left_q <= w_left_q - 5'd1;
      if (issue) begin
        aw_valid_q <= 1'b1;
        aw_addr_q <= addr_q;
        aw_len_q <= 8'(beats) - 8'd1;
        w_left_q <= beats;
        addr_q <= addr_q + {53'd0, beats, 6'd0};
        left_q <= left_q - {27'd0, beats};
        burst_wr_q <= burst_wr_q + 1'b1;
      end
      if (b_done) begin
        burst_rd_q <= burst_rd_q + 1'b1;
        if (resp[1] && !err_q) begin
          err_q <= 1'b1;
          err_addr_q <= burst_addr_q[burst_rd_q[LogBursts-1:0]];
        end
      end
      if (finished) active_q <= 1'b0;
      if (req_valid_i && req_ready_o) begin
        active_q <= 1'b1;
        dev_q <= req_i.dev;
        addr_q <= {req_i.addr[63:6], 6'd0};
        left_q <= req_i.beats;
        err_q <= 1'b0;
        err_addr_q <= '0;
      end
      if (flush_i) begin
        active_q <= 1'b0;
        left_q <= '0;
      end
      spare_q <= spare_q + CountWidth'(push) - (issue ? CountWidth'(beats) : '0) - CountWidth'(drop);
    end
  end

  a_aw_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    aw_valid_q && !aw_done |=> aw_valid_q && $stable(dev_q) && $stable(aw_addr_q) && $stable(aw_len_q));
  a_aw_page: assert property (@(posedge clk_i) disable iff (!rst_ni)
    aw_valid_q |-> {1'b0, aw_addr_q[11:6]} + aw_len_q[6:0] < 7'd64 && aw_len_q < 8'd16);
  a_w_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    w_valid_o != 2'b00 && !w_done |=> $stable(w_valid_o) && $stable(w_o.last));
  a_b_expected: assert property (@(posedge clk_i) disable iff (!rst_ni) b_done |-> !bursts_none && b_valid_i != 2'b11);

endmodule
