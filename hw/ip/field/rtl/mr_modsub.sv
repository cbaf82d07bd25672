// Modular difference of canonical elements: d_o = a_i - b_i mod m.
//
// a_i, b_i below m; d_o canonical. Latency ModAddLatency = 2 (difference; plus m if it borrowed), one a cycle, no back-pressure.
module mr_modsub
  import mr_field_pkg::*;
#(
  /// 0: Fq, 1: Fr.
  parameter bit Field = FieldFq
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         valid_i,
  input  logic [253:0] a_i,
  input  logic [253:0] b_i,
  output logic         valid_o,
  output logic [253:0] d_o
);

  localparam logic [253:0] M = modulus(Field);

  logic         valid_q;
  logic [254:0] diff_q;     // bit 254: borrow

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      valid_q <= valid_i;
      valid_o <= valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) diff_q <= 255'(a_i) - 255'(b_i);
    if (valid_q) d_o <= diff_q[254] ? diff_q[253:0] + M : diff_q[253:0];
  end

endmodule
