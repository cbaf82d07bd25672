// Sum of two products, reduced once: r_o = a_i * b_i + c_i * d_i mod q, canonical.
//
// Limbs of at most 2^29 + 8 (a and c normalised, or all four); the sum of the products must be below 2^513 (here at most 28.7 q^2).
// Latency MulColsLatency + 1 + ReduceLatency + CanonLatency, one a cycle.
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
module mr_mul_pair
  import mr_field_pkg::*;
#(
  /// Bits of a limb of each operand.
  parameter int unsigned ABits = LimbBits,
  parameter int unsigned BBits = LimbBits + 1,
  parameter int unsigned CBits = LimbBits,
  parameter int unsigned DBits = LimbBits + 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             valid_i,
  input  logic [ABits-1:0] a_i[Limbs],
  input  logic [BBits-1:0] b_i[Limbs],
  input  logic [CBits-1:0] c_i[Limbs],
  input  logic [DBits-1:0] d_i[Limbs],
  output logic             valid_o,
  output logic [253:0]     r_o
);

  logic [1:0]          cols_valid;
  logic [63:0]         ab[Cols]  /* verilator split_var */;
  logic [63:0]         cd[Cols]  /* verilator split_var */;
  logic                sum_valid_q, lazy_valid;
  logic [63:0]         sum_q[Cols]  /* verilator split_var */;
  logic [LimbBits-1:0] lazy[Limbs]  /* verilator split_var */;

  mr_mul_cols #(
    .ABits(ABits),
    .BBits(BBits)
  ) u_ab (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i,
    .b_i,
    .valid_o(cols_valid[0]),
    .c_o    (ab)
  );

  mr_mul_cols #(
    .ABits(CBits),
    .BBits(DBits)
  ) u_cd (
    .clk_i,
    .rst_ni,
    .valid_i,
    .a_i    (c_i),
    .b_i    (d_i),
    .valid_o(cols_valid[1]),
    .c_o    (cd)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) sum_valid_q <= 1'b0;
    else sum_valid_q <= cols_valid[0];
  end

  for (genvar k = 0; k < Cols; k++) begin : gen_sum
    always_ff @(posedge clk_i) begin
      if (cols_valid[0]) sum_q[k] <= ab[k] + cd[k];
    end
  end

  mr_reduce #(
    .Field(FieldFq),
    .Split(252)
  ) u_reduce (
    .clk_i,
    .rst_ni,
    .valid_i(sum_valid_q),
    .c_i    (sum_q),
    .valid_o(lazy_valid),
    .r_o    (lazy)
  );

  mr_canon #(
    .Field(FieldFq)
  ) u_canon (
    .clk_i,
    .rst_ni,
    .valid_i(lazy_valid),
    .r_i    (lazy),
    .valid_o,
    .r_o
  );

  // Both products run in step: the first one's valid speaks for both.
  logic unused_valid;
  assign unused_valid = cols_valid[1];

endmodule
/* verilator tracing_on */
