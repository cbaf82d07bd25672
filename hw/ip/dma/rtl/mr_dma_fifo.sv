// FIFO in a RAM of one write and one registered read port, first word falls through.
//
// A word is visible 2 cycles after its push at the earliest; one push and one pop a cycle. Holds Depth words besides the one in the
// output register. The caller never pushes when full_o is set.
//
// Words may be secret, so none stays behind: while nothing lies in the RAM, it zeroes one word a cycle until `Depth` of them were zeroed since the last
// push. For that both pointers go on together, so that it needs no address of its own, and a push takes the cycle at any time. The output is zero while not valid.
module mr_dma_fifo #(
  /// Bits of a word.
  parameter int unsigned Width = 8,
  /// Words in the RAM, a power of two, 2..4096.
  parameter int unsigned Depth = 16
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             push_i,
  input  logic [Width-1:0] data_i,
  output logic             full_o,
  output logic             valid_o,
  input  logic             pop_i,
  output logic [Width-1:0] data_o,
  /// Nothing is stored.
  output logic             empty_o
);

  localparam int unsigned AddrWidth = $clog2(Depth);

  if (Depth < 2 || Depth > 4096 || (1 << AddrWidth) != Depth) begin : gen_bad
    $error("mr_dma_fifo: Depth is no power of two in 2..4096");
  end

  logic [Width-1:0] mem [Depth];
  logic [Width-1:0] out_q;
  logic [AddrWidth:0] wr_q, rd_q;  // one bit more than the address: full and empty differ in it
  logic [AddrWidth:0] stale_q;     // words before rd_q that may not be zero
  logic out_valid_q, load, wipe;

  assign load = wr_q != rd_q && (!out_valid_q || pop_i);
  assign wipe = wr_q == rd_q && !push_i && stale_q != '0;
  assign full_o = wr_q == {~rd_q[AddrWidth], rd_q[AddrWidth-1:0]};
  assign valid_o = out_valid_q;
  assign data_o = out_q;
  assign empty_o = wr_q == rd_q && !out_valid_q;

  always_ff @(posedge clk_i) begin
    if (push_i || wipe) mem[wr_q[AddrWidth-1:0]] <= push_i ? data_i : '0;
    if (load) out_q <= mem[rd_q[AddrWidth-1:0]];
    else if (pop_i || !out_valid_q) out_q <= '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q <= '0;
      rd_q <= '0;
      out_valid_q <= 1'b0;
      stale_q <= (AddrWidth + 1)'(Depth);
    end else begin
      if (push_i || wipe) wr_q <= wr_q + 1'b1;
      if (load || wipe) rd_q <= rd_q + 1'b1;
      if (push_i) stale_q <= (AddrWidth + 1)'(Depth);
      else if (wipe) stale_q <= stale_q - 1'b1;
      if (load) out_valid_q <= 1'b1;
      else if (pop_i) out_valid_q <= 1'b0;
    end
  end

  a_no_overflow: assert property (@(posedge clk_i) disable iff (!rst_ni) !(push_i && full_o));
  a_stable: assert property (@(posedge clk_i) disable iff (!rst_ni) valid_o && !pop_i |=> valid_o);

endmodule
