// First-in first-out queue with one write and one read a cycle; the head is visible without a request.
//
// The writer keeps its own account of free places: a push into a full queue is an error (asserted), so no ready comes back.
// Words may be secret, so none stays behind: while the queue is empty, it zeroes one place a cycle until all were zeroed since the last push (both pointers
// go on together). A push takes the cycle at any time.
//
// Latency: a word pushed in cycle t is at the head in cycle t+1 at the earliest. Depth is a power of two.
module mr_msm_fifo #(
  /// Bits of a word.
  parameter int unsigned Width = 8,
  /// Words, a power of two, at least 2.
  parameter int unsigned Depth = 8
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             push_i,
  input  logic [Width-1:0] data_i,

  output logic             valid_o,
  output logic [Width-1:0] data_o,
  input  logic             pop_i
);

  localparam int unsigned PtrW = $clog2(Depth);

  if (Depth < 2 || Depth != (1 << PtrW)) begin : gen_bad_parameter
    $error("mr_msm_fifo: Depth must be a power of two");
  end

  logic [Width-1:0] mem [Depth];
  logic [PtrW:0]    wr_q, rd_q;
  logic [PtrW:0]    stale_q;   // places before rd_q that may not be zero
  logic             wipe;

  assign wipe    = (wr_q == rd_q) && !push_i && (stale_q != '0);
  assign valid_o = (wr_q != rd_q);
  assign data_o  = mem[rd_q[PtrW-1:0]];

  always_ff @(posedge clk_i) begin
    if (push_i || wipe) mem[wr_q[PtrW-1:0]] <= push_i ? data_i : '0;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      wr_q    <= '0;
      rd_q    <= '0;
      stale_q <= (PtrW + 1)'(Depth);
    end else begin
      wr_q <= wr_q + (PtrW + 1)'(push_i || wipe);
      rd_q <= rd_q + (PtrW + 1)'(pop_i || wipe);
      if (push_i)    stale_q <= (PtrW + 1)'(Depth);
      else if (wipe) stale_q <= stale_q - 1'b1;
    end
  end

  assert property (@(posedge clk_i) disable iff (!rst_ni) push_i |-> ((wr_q - rd_q) != (PtrW + 1)'(Depth)));
  assert property (@(posedge clk_i) disable iff (!rst_ni) pop_i |-> valid_o);

endmodule
