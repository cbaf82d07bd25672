// mr_ntt_halve: for all canonical x the result h is canonical and 2h = x or 2h = x + r.
// formal: ntt_halve prove 3
module mr_ntt_halve_properties (
  input  logic         clk_i,
  input  logic         valid_i,
  input  logic [253:0] x_i,
  output logic         assume_canonical,
  output logic         ok_half
);

  localparam logic [255:0] M = 256'(mr_field_pkg::R);

  logic [253:0] h;
  mr_ntt_halve u_dut (.clk_i, .valid_i, .x_i, .h_o(h));

  logic         valid_q = 1'b0;
  logic [255:0] x_q;
  always_ff @(posedge clk_i) begin
    valid_q <= valid_i;
    if (valid_i) x_q <= 256'(x_i);
  end

  assign assume_canonical = 256'(x_i) < M;
  assign ok_half = !valid_q || (256'(h) < M && (256'(h) << 1 == x_q || 256'(h) << 1 == x_q + M));

endmodule
