// Modular sum of canonical elements: s_o = a_i + b_i mod m.
//
// a_i, b_i below m; s_o canonical. Latency ModAddLatency = 2 (sum; sum - m and choice by its borrow), one a cycle, no back-pressure.
module mr_modadd
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
  output logic [253:0] s_o
);

  localparam logic [255:0] M = 256'(modulus(Field));

  logic         valid_q;
  logic [254:0] sum_q;      // below 2m < 2^255
  logic [255:0] reduced;    // bit 255: borrow

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else begin
      valid_q <= valid_i;
      valid_o <= valid_q;
    end
  end

  assign reduced = 256'(sum_q) - M;

  always_ff @(posedge clk_i) begin
    if (valid_i) sum_q <= 255'(a_i) + 255'(b_i);
    if (valid_q) s_o <= reduced[255] ? sum_q[253:0] : reduced[253:0];
  end

  logic unused_top;
  assign unused_top = reduced[254];

endmodule
