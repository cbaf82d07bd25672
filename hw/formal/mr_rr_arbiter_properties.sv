// mr_rr_arbiter: the grant is one-hot, goes to a request, is there whenever there is a request, and a request that stays
// is passed over by at most N - 1 used grants.
// formal: rr_arbiter_4 prove 3 -GN=4
// formal: rr_arbiter_5 prove 3 -GN=5
module mr_rr_arbiter_properties #(
  parameter int unsigned N = 4
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic [N-1:0] req_i,
  input  logic         take_i,
  output logic         assume_reset_first,
  output logic         assume_take,
  output logic         assume_watched_stays,
  output logic         ok_one_hot,
  output logic         ok_of_request,
  output logic         ok_index,
  output logic         ok_turn,
  output logic         ok_fair
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  logic [N-1:0] grant;
  logic [3:0]   index;
  mr_rr_arbiter #(.N(N)) u_dut (.clk_i, .rst_ni, .req_i, .take_i, .grant_o(grant), .index_o(index));

  assign assume_take   = !take_i || req_i != '0;
  assign ok_one_hot    = (grant & (grant - 1'b1)) == '0;
  assign ok_of_request = (grant & ~req_i) == '0 && (grant != '0) == (req_i != '0);
  assign ok_index      = grant == '0 ? index == 4'd0 : grant == N'(1) << index;

  // One requester, any of them, that does not give up.
  logic [N-1:0] watched_q;   // one-hot, never changes
  logic         waiting_q;
  logic [3:0]   passed_q;
  logic         asks, gets;
  assign asks = (req_i & watched_q) != '0;
  assign gets = take_i && (grant & watched_q) != '0;
  assign assume_watched_stays = watched_q != '0 && (watched_q & (watched_q - 1'b1)) == '0 && (!waiting_q || asks || !started_q);
  always_ff @(posedge clk_i) begin
    watched_q <= watched_q;
    waiting_q <= rst_ni && asks && !gets;
    if (!rst_ni || !asks || gets) passed_q <= '0;
    else if (take_i)              passed_q <= passed_q + 1'b1;
  end

  // The search starts behind the last taken one: `after_q` is ones from there up. Each passing brings the start nearer to the watched one.
  logic [N-1:0] below;
  logic [3:0]   start, place, distance;
  assign below = ~u_dut.after_q;
  always_comb begin
    start = 4'd0;
    place = 4'd0;
    for (int i = 0; i < N; i++) begin
      if (below[i] && below != '1) start = 4'(i + 1);
      if (watched_q[i]) place = 4'(i);
    end
    distance = place >= start ? place - start : place + 4'(N) - start;
  end
  assign ok_turn = !started_q || ((below & (below + 1'b1)) == '0 && passed_q + distance < 4'(N));
  assign ok_fair = !started_q || passed_q < 4'(N);

endmodule
