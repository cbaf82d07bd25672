// Round-robin arbiter: grants one of the requests of a cycle, starting after the one that was taken last.
//
// Combinational grant; the turn moves on when take_i says that the grant was used. No request waits for more than N - 1 others.
module mr_rr_arbiter #(
  /// Requesters, 1..16.
  parameter int unsigned N = 4
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [N-1:0] req_i,
  /// The grant is used in this cycle.
  input  logic         take_i,
  /// One-hot, zero without requests.
  output logic [N-1:0] grant_o,
  /// Index of the grant; 0 without requests.
  output logic [3:0]   index_o
);

  logic [N-1:0] after_q;  // requesters behind the one that was taken last
  logic [N-1:0] ahead, pick;

  assign ahead = req_i & after_q;
  assign pick = ahead != '0 ? ahead : req_i;
  assign grant_o = pick & (~pick + N'(1));

  always_comb begin
    index_o = 4'd0;
    for (int unsigned i = 0; i < N; i++) begin
      if (grant_o[i]) index_o = 4'(i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) after_q <= '0;
    else if (take_i) after_q <= ~(grant_o | (grant_o - N'(1)));
  end

  a_onehot: assert property (@(posedge clk_i) disable iff (!rst_ni) $onehot0(grant_o));
  a_grant_of_request: assert property (@(posedge clk_i) disable iff (!rst_ni) (grant_o & ~req_i) == '0);
  a_no_idle_grant: assert property (@(posedge clk_i) disable iff (!rst_ni) req_i != '0 |-> grant_o != '0);

endmodule
