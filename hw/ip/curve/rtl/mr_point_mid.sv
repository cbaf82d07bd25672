// Between the two layers of products of a point addition: small linear combinations of reduced values, as limbs.
//
// In: t1, t2, t5 as limbs of 29 bits; t1 < 2m, t2 and t5 < 4m/3 (mr_reduce gives < 1.2m here).
// Out, limbs of at most 30 bits (carries move one limb only), m = q:
//   sum_o  = t1 + 3 t2          below 6m
//   diff_o = t1 + 4m - 3 t2     in (0, 6m)
//   y_o    = 3 t5               below 4m
//   yneg_o = 4m - 3 t5          in (0, 4m]
// A difference is kept positive in every limb by writing 4m with 2^31 lent by each limb to the one below.
// Latency 1, one a cycle.
// Not in waveforms: a model built for tracing would keep every product as a signal. Its users' ports are traced.
/* verilator tracing_off */
module mr_point_mid
  import mr_field_pkg::*;
(
  input  logic                clk_i,
  input  logic                valid_i,
  input  logic [LimbBits-1:0] t1_i[Limbs],
  input  logic [LimbBits-1:0] t2_i[Limbs],
  input  logic [LimbBits-1:0] t5_i[Limbs],
  output logic [LimbBits:0]   sum_o[Limbs],
  output logic [LimbBits:0]   diff_o[Limbs],
  output logic [LimbBits:0]   y_o[Limbs],
  output logic [LimbBits:0]   yneg_o[Limbs]
);

  localparam logic [260:0] FourM = 261'(Q) << 2;
  localparam logic [31:0] Mask = (32'd1 << LimbBits) - 32'd1;

  // Before carries, each below 2^32.
  logic [31:0] sum[Limbs]  /* verilator split_var */;
  logic [31:0] diff[Limbs]  /* verilator split_var */;
  logic [31:0] y[Limbs]  /* verilator split_var */;
  logic [31:0] yneg[Limbs]  /* verilator split_var */;

  for (genvar i = 0; i < Limbs; i++) begin : gen_raw
    // 2^31 from above is 4 of the next limb; the top limb has nothing above and gives only.
    localparam logic [31:0] Lent = (i == Limbs - 1) ? 32'd0 : 32'd1 << 31;
    localparam logic [31:0] Given = (i == 0) ? 32'd0 : 32'd4;
    localparam logic [31:0] Bias = 32'(limb(FourM, i)) + Lent - Given;
    logic [31:0] t2x3, t5x3;
    assign t2x3    = 32'(t2_i[i]) + (32'(t2_i[i]) << 1);
    assign t5x3    = 32'(t5_i[i]) + (32'(t5_i[i]) << 1);
    assign sum[i]  = 32'(t1_i[i]) + t2x3;
    assign diff[i] = (32'(t1_i[i]) + Bias) - t2x3;
    assign y[i]    = t5x3;
    assign yneg[i] = Bias - t5x3;
  end

  for (genvar i = 0; i < Limbs; i++) begin : gen_carry
    localparam logic [31:0] Keep = (i == Limbs - 1) ? '1 : Mask;
    if (i == 0) begin : gen_first
      always_ff @(posedge clk_i) begin
        if (valid_i) begin
          sum_o[i]  <= 30'(sum[i] & Keep);
          diff_o[i] <= 30'(diff[i] & Keep);
          y_o[i]    <= 30'(y[i] & Keep);
          yneg_o[i] <= 30'(yneg[i] & Keep);
        end
      end
    end else begin : gen_next
      always_ff @(posedge clk_i) begin
        if (valid_i) begin
          sum_o[i]  <= 30'((sum[i] & Keep) + (sum[i-1] >> LimbBits));
          diff_o[i] <= 30'((diff[i] & Keep) + (diff[i-1] >> LimbBits));
          y_o[i]    <= 30'((y[i] & Keep) + (y[i-1] >> LimbBits));
          yneg_o[i] <= 30'((yneg[i] & Keep) + (yneg[i-1] >> LimbBits));
        end
      end
    end
  end

endmodule
/* verilator tracing_on */
