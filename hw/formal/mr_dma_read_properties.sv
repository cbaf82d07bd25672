// mr_dma_read: AXI rules of its bursts, and room in the FIFO for every beat that was asked for.
//
// For any requests, any order of ready and any latency, with flushes at any time: a burst has 1..16 beats in one 4 KiB page, its offer
// does not change until it is taken, bursts of a request follow each other without gap or overlap and cover it exactly, and a
// beat never meets a full FIFO. The bus answers only beats that are owed, one space at a time.
// formal: dma_read prove 3 -GDepth=16
module mr_dma_read_properties
  import mr_job_pkg::*;
#(
  parameter int unsigned Depth = 16
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic       req_valid_i,
  input  dma_req_t   req_i,
  input  logic       ready_i,
  input  logic       flush_i,
  input  logic [1:0] ar_ready_i,
  input  logic [1:0] r_valid_i,
  input  logic       r_error_i,
  output logic       assume_reset_first,
  output logic       assume_owed,
  output logic       assume_request,
  output logic       ok_page,
  output logic       ok_stable,
  output logic       ok_covers,
  output logic       ok_room,
  output logic       ok_counts
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  logic            req_ready, valid, idle;
  logic [1:0]      ar_valid, r_ready;
  mr_axi_pkg::ax_t ar;
  mr_axi_pkg::r_t  r;
  dma_beat_t       beat;
  assign r = '{id: '0, data: '0, resp: {r_error_i, 1'b0}, last: 1'b0};   // the data are not looked at here

  mr_dma_read #(.Depth(Depth)) u_dut (
    .clk_i, .rst_ni, .req_valid_i, .req_ready_o(req_ready), .req_i, .valid_o(valid), .ready_i, .beat_o(beat),
    .flush_i, .idle_o(idle), .ar_valid_o(ar_valid), .ar_ready_i, .ar_o(ar),
    .r_valid_i, .r_ready_o(r_ready), .host_r_i(r), .mem_r_i(r)
  );

  // Beats that each space owes.
  logic [8:0] owed_q [2];
  logic [8:0] offered;
  assign offered = 9'(ar.len) + 1'b1;
  always_ff @(posedge clk_i) begin
    for (int d = 0; d < 2; d++) begin
      if (!rst_ni) owed_q[d] <= '0;
      else owed_q[d] <= owed_q[d] + (ar_valid[d] && ar_ready_i[d] ? offered : 9'd0) - 9'(r_valid_i[d]);
    end
  end
  assign assume_owed = !started_q
      || ((!r_valid_i[0] || owed_q[0] != '0) && (!r_valid_i[1] || owed_q[1] != '0));
  // A request does not run over the end of the address space.
  assign assume_request = !req_valid_i || (req_i.addr[63:40] == '0 && req_i.addr[5:0] == '0);

  assign ok_page = !started_q || ar_valid == 2'b00
      || (offered <= 9'd16 && 9'(ar.addr[11:6]) + offered <= 9'd64 && ar.addr[5:0] == '0 && ar_valid != 2'b11);

  logic            waits_q;
  logic [1:0]      valid_q;
  mr_axi_pkg::ax_t ar_q;
  always_ff @(posedge clk_i) begin
    waits_q <= rst_ni && (ar_valid & ~ar_ready_i) != 2'b00;
    valid_q <= ar_valid;
    ar_q    <= ar;
  end
  assign ok_stable = !started_q || !waits_q || (ar_valid == valid_q && ar == ar_q);

  // What is left of the request, kept from its bursts as they are first offered.
  logic [63:0] next_q;
  logic [31:0] left_q;
  logic        space_q, offer_q, fresh;
  assign fresh = ar_valid != 2'b00 && !waits_q && offer_q;
  logic [63:0] next_now;
  logic [31:0] left_now;
  assign next_now = fresh ? next_q + {49'd0, offered, 6'd0} : next_q;
  assign left_now = fresh ? left_q - 32'(offered) : left_q;
  always_ff @(posedge clk_i) begin
    offer_q <= rst_ni;
    if (!rst_ni || flush_i) begin
      left_q <= '0;
    end else if (req_valid_i && req_ready) begin
      next_q  <= req_i.addr;
      left_q  <= req_i.beats;
      space_q <= req_i.dev;
    end else begin
      next_q <= next_now;
      left_q <= left_now;
    end
  end
  assign ok_covers = !started_q || !offer_q
      || ((!fresh || (ar.addr == next_q && 32'(offered) <= left_q && ar_valid[space_q]))
          && left_now == u_dut.left_q && u_dut.addr_q[5:0] == '0 && (left_now == '0 || (next_now == u_dut.addr_q && space_q == u_dut.dev_q)));

  logic [8:0] stored;
  assign stored    = 9'(u_dut.u_fifo.wr_q - u_dut.u_fifo.rd_q);
  assign ok_room   = !started_q || r_valid_i == 2'b00 || !u_dut.fifo_full;
  assign ok_counts = !started_q || (!(owed_q[0] != '0 && owed_q[1] != '0)
      && 9'(u_dut.coming_q) == owed_q[0] + owed_q[1] + (ar_valid != 2'b00 ? offered : 9'd0)
      && 9'(u_dut.taken_q) == 9'(u_dut.coming_q) + 9'(5'(stored)) + 9'(u_dut.fifo_valid)
      && u_dut.taken_q <= Depth && owed_q[0] <= 9'(Depth) && owed_q[1] <= 9'(Depth)
      && (ar_valid == 2'b00 || owed_q[!u_dut.ar_dev_q] == '0)
      && (owed_q[!u_dut.ar_dev_q] == '0));

endmodule
