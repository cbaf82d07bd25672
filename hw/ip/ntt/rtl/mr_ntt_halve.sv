// Half of a scalar field element: h = x / 2 mod r = (x + (x odd ? r : 0)) / 2, as r is odd.
//
// x < r, so x + r < 2r < 2^255 and h < r: canonical without a subtraction. Latency 1 cycle.
module mr_ntt_halve (
  input  logic         clk_i,
  input  logic         valid_i,
  /// Below r.
  input  logic [253:0] x_i,
  output logic [253:0] h_o
);

  logic [254:0] even;
  assign even = {1'b0, x_i} + (x_i[0] ? {1'b0, mr_field_pkg::R} : 255'd0);

  logic unused_even;
  assign unused_even = even[0];   // zero

  always_ff @(posedge clk_i) if (valid_i) h_o <= even[254:1];

endmodule
