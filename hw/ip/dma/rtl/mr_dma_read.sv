// DMA read channel: turns a request for many beats into AXI bursts, and gives the beats back in order.
//
// Bursts have at most 16 beats and cross no 4 KiB line. A burst is issued when its place in the FIFO is free, so that read data never
// waits and several bursts are outstanding: with a latency of L cycles the channel carries min(1, Depth / (L + 20)) beats a cycle.
// Requests follow each other without a gap in one address space; a change of space waits until the other one has answered all.
// A request for 0 beats is taken and gives nothing. A beat with an error response has err set and data zero.
//
// flush_i: what was requested is forgotten. Bursts that were offered finish on the bus, their data is dropped; idle_o says when.
// Index 0 of the two-bit ports is host memory, index 1 device memory.
module mr_dma_read
  import mr_job_pkg::*;
#(
  /// Beats of the FIFO: a power of two, 16..4096.
  parameter int unsigned Depth = 256
) (
  input  logic       clk_i,
  input  logic       rst_ni,

  input  logic       req_valid_i,
  output logic       req_ready_o,
  input  dma_req_t   req_i,
  output logic       valid_o,
  input  logic       ready_i,
  output dma_beat_t  beat_o,

  input  logic       flush_i,
  /// No request, no burst and no beat is left.
  output logic       idle_o,

  output logic [1:0]               ar_valid_o,
  input  logic [1:0]               ar_ready_i,
  output mr_axi_pkg::ax_t          ar_o,
  input  logic [1:0]               r_valid_i,
  output logic [1:0]               r_ready_o,
  input  mr_axi_pkg::r_t           host_r_i,
  input  mr_axi_pkg::r_t           mem_r_i
);

  localparam int unsigned CountWidth = $clog2(Depth + 1);

  if (Depth < 16) begin : gen_bad
    $error("mr_dma_read: Depth below the longest burst");
  end

  // The request under way; left_q == 0: none.
  logic        dev_q;
  logic [63:0] addr_q;
  logic [31:0] left_q;
  // The burst on offer.
  logic        ar_valid_q, ar_dev_q;
  logic [63:0] ar_addr_q;
  logic [7:0]  ar_len_q;
  // Places of the FIFO that are promised to a beat or hold one, and beats that have still to come.
  logic [CountWidth-1:0] taken_q, coming_q;

  logic        ar_done, issue, push, pop, fifo_valid, fifo_full, fifo_empty;
  logic [4:0]  beats;
  logic        space_ok;
  dma_beat_t   in_beat;
  mr_axi_pkg::r_t r;
  logic        unused_r, unused_fifo;

  assign ar_done = ar_valid_q && ar_ready_i[ar_dev_q];
  assign beats = mr_axi_pkg::burst_beats(addr_q[11:6], left_q);
  assign space_ok = dev_q == ar_dev_q || coming_q == '0;
  assign issue = left_q != 32'd0 && !flush_i && (!ar_valid_q || ar_done) && space_ok
      && taken_q <= CountWidth'(Depth) - CountWidth'(beats);

  assign req_ready_o = left_q == 32'd0 && !flush_i;
  assign idle_o = left_q == 32'd0 && !ar_valid_q && taken_q == '0;

  assign ar_valid_o = {ar_valid_q && ar_dev_q, ar_valid_q && !ar_dev_q};
  assign ar_o = '{id: '0, addr: ar_addr_q, len: ar_len_q};
  assign r_ready_o = 2'b11;

  // Only one of the spaces answers at a time.
  assign r = r_valid_i[1] ? mem_r_i : host_r_i;
  assign push = r_valid_i != 2'b00;
  assign in_beat = '{err: r.resp[1], data: r.resp[1] ? 512'd0 : r.data};
  assign unused_r = ^{r.id, r.resp[0], r.last, req_i.addr[5:0]};
  assign unused_fifo = ^{fifo_full, fifo_empty};

  assign pop = fifo_valid && (ready_i || flush_i);
  assign valid_o = fifo_valid && !flush_i;

  mr_dma_fifo #(.Width($bits(dma_beat_t)), .Depth(Depth)) u_fifo (
    .clk_i, .rst_ni,
    .push_i(push), .data_i(in_beat), .full_o(fifo_full),
    .valid_o(fifo_valid), .pop_i(pop), .data_o(beat_o), .empty_o(fifo_empty)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      dev_q <= 1'b0;
      addr_q <= '0;
      left_q <= '0;
      ar_valid_q <= 1'b0;
      ar_dev_q <= 1'b0;
      ar_addr_q <= '0;
      ar_len_q <= '0;
      taken_q <= '0;
      coming_q <= '0;
    end else begin
      if (ar_done) ar_valid_q <= 1'b0;
      if (issue) begin
        ar_valid_q <= 1'b1;
        ar_dev_q <= dev_q;
        ar_addr_q <= addr_q;
        ar_len_q <= 8'(beats) - 8'd1;
        addr_q <= addr_q + {53'd0, beats, 6'd0};
        left_q <= left_q - {27'd0, beats};
      end
      if (req_valid_i && req_ready_o) begin
        dev_q <= req_i.dev;
        addr_q <= {req_i.addr[63:6], 6'd0};
        left_q <= req_i.beats;
      end
      if (flush_i) left_q <= '0;
      taken_q <= taken_q + (issue ? CountWidth'(beats) : '0) - CountWidth'(pop);
      coming_q <= coming_q + (issue ? CountWidth'(beats) : '0) - CountWidth'(push);
    end
  end

  // An offered burst stays as it is until it is taken; it has 1..16 beats in one 4 KiB page.
  a_ar_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    ar_valid_q && !ar_done |=> ar_valid_q && $stable(ar_dev_q) && $stable(ar_addr_q) && $stable(ar_len_q));
  a_ar_page: assert property (@(posedge clk_i) disable iff (!rst_ni)
    ar_valid_q |-> {1'b0, ar_addr_q[11:6]} + ar_len_q[6:0] < 7'd64 && ar_len_q < 8'd16);
  a_r_expected: assert property (@(posedge clk_i) disable iff (!rst_ni) push |-> coming_q != '0 && r_valid_i != 2'b11);
  a_count: assert property (@(posedge clk_i) disable iff (!rst_ni)
    taken_q <= CountWidth'(Depth) && coming_q <= taken_q);

endmodule
