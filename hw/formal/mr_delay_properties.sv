// mr_delay: what goes in comes out Depth cycles later, wherever a reset came before.
//
// The reference is a shift register. Contents from before a reset are not promised.
// formal: delay_2 prove 6 -GDepth=2
// formal: delay_3 prove 8 -GDepth=3
// formal: delay_6 prove 18 -GDepth=6
module mr_delay_properties #(
  parameter int unsigned Depth = 3
) (
  input  logic       clk_i,
  input  logic       rst_ni,
  input  logic [1:0] d_i,
  output logic       assume_reset_first,
  output logic       ok_same_word
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  logic [1:0] q;
  mr_delay #(.Width(2), .Depth(Depth)) u_dut (.clk_i, .rst_ni, .d_i, .q_o(q));

  logic [1:0]       shift_q [Depth];
  logic [Depth-1:0] valid_q;   // words that came in after the last reset
  always_ff @(posedge clk_i) begin
    shift_q[0] <= d_i;
    for (int i = 1; i < Depth; i++) shift_q[i] <= shift_q[i-1];
    valid_q <= rst_ni ? {valid_q[Depth-2:0], 1'b1} : '0;
  end

  assign ok_same_word = !started_q || !valid_q[Depth-1] || q == shift_q[Depth-1];

endmodule
