// Modular multiplier: p_o = a_i * b_i mod m, plain integers (no Montgomery form).
//
// a_i, b_i canonical (below m); p_o canonical. Operands out of range give an unspecified word after the same time.
// Latency ModMulLatency, one product a cycle, no back-pressure: the product of operands given with valid_i leaves with valid_o.
// Columns of the product (mr_mul_cols), Barrett's reduction (mr_reduce), one conditional subtraction (mr_canon).
module mr_modmul
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
  output logic [253:0] p_o
);

  // Waveforms show the ports: a model built for tracing would otherwise keep every limb as a signal.
  /* verilator tracing_off */

  if (MulColsLatency + ReduceLatency + CanonLatency != ModMulLatency) begin : gen_illegal
    $error("mr_modmul: ModMulLatency is not the sum of the stages");
  end

  logic [LimbBits-1:0] a[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] b[Limbs]  /* verilator split_var */;
  for (genvar i = 0; i < Limbs; i++) begin : gen_limb
    assign a[i] = LimbBits'(261'(a_i) >> (i * LimbBits));
    assign b[i] = LimbBits'(261'(b_i) >> (i * LimbBits));
  end

  logic        cols_valid, lazy_valid;
  logic [63:0] cols[Cols]  /* verilator split_var */;
  logic [LimbBits-1:0] lazy[Limbs]  /* verilator split_var */;

  mr_mul_cols #(
    .ABits(LimbBits),
    .BBits(LimbBits)
  ) u_cols (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i    (a),
    .b_i    (b),
    .valid_o(cols_valid),
    .c_o    (cols)
  );

  mr_reduce #(
    .Field(Field)
  ) u_reduce (
    .clk_i,
    .rst_ni,
    .valid_i(cols_valid),
    .c_i    (cols),
    .valid_o(lazy_valid),
    .r_o    (lazy)
  );

  mr_canon #(
    .Field(Field)
  ) u_canon (
    .clk_i,
    .rst_ni,
    .valid_i(lazy_valid),
    .r_i    (lazy),
    .valid_o,
    .r_o    (p_o)
  );

  /* verilator tracing_on */
endmodule
