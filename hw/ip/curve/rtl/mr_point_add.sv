// Complete point addition on G1: r_o = p_i + q_i.
//
// Renes, Costello and Batina 2015, algorithm 7 (a = 0, b3 = 3b = 9), both operands projective. It has no exceptional case on a curve of odd
// order: equal points, opposite points and infinity need no second path.
//
//   t0 = 3 X1 X2                 t3 = X1 Y2 + X2 Y1 = (X1 + Y1)(X2 + Y2) - X1 X2 - Y1 Y2
//   t1 = Y1 Y2                   t4 = Y1 Z2 + Y2 Z1     likewise
//   t2 = 9 Z1 Z2                 t5 = 9 (X1 Z2 + X2 Z1) likewise
//   X3 = t3 (t1 - t2) - t4 t5        Y3 = (t1 - t2)(t1 + t2) + t0 t5        Z3 = (t1 + t2) t4 + t0 t3
//
// 12 products, 9 reductions: the products of the first layer are subtracted as columns, those of the second layer are added in
// pairs before they are reduced. Values between the layers stay lazy (mr_reduce: below 1.2 q), only the outputs are made canonical.
//
// Operands: coordinates below q, points on the curve; others give an unspecified result after the same time.
// Result: canonical; infinity is (0 : y : 0).
// Latency PointAddLatency, one addition a cycle, no back-pressure; tag_o is the tag_i of the same addition.
//   1 sums   2-3 columns   4 combinations of columns   5-13 reduction
//   14 combinations   15-16 columns   17 pairs   18-26 reduction   27-29 canonical
module mr_point_add
  import mr_curve_pkg::*;
  import mr_field_pkg::*;
#(
  /// Bits of the tag, 1 or more.
  parameter int unsigned TagW = 1
) (
  input  logic            clk_i,
  input  logic            rst_ni,
  input  logic            valid_i,
  input  point_t          p_i,
  input  point_t          q_i,
  input  logic [TagW-1:0] tag_i,
  output logic            valid_o,
  output point_t          r_o,
  output logic [TagW-1:0] tag_o
);

  // Waveforms show the ports: a model built for tracing would otherwise keep every limb as a signal.
  /* verilator tracing_off */

  if (PointAddLatency != 1 + MulColsLatency + 1 + ReduceLatency + 1 + MulColsLatency + 1 + ReduceLatency + CanonLatency)
  begin : gen_illegal
    $error("mr_point_add: PointAddLatency is not the sum of the stages");
  end

  mr_delay #(
    .Width(TagW),
    .Depth(PointAddLatency)
  ) u_tag (
    .clk_i,
    .rst_ni,
    .d_i(tag_i),
    .q_o(tag_o)
  );

  // Stage 1: limbs of the operands and of the sums of two coordinates.
  logic pre_valid_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) pre_valid_q <= 1'b0;
    else pre_valid_q <= valid_i;
  end

  // Factors of product n of the first layer: 0 X, 1 Y, 2 Z, 3 X+Y, 4 Y+Z, 5 X+Z.
  localparam int unsigned Products = 6;
  logic [LimbBits:0] a_q[Products][Limbs]  /* verilator split_var */;
  logic [LimbBits:0] b_q[Products][Limbs]  /* verilator split_var */;

  for (genvar i = 0; i < Limbs; i++) begin : gen_pre
    logic [LimbBits:0] x1, y1, z1, x2, y2, z2;
    assign x1 = {1'b0, LimbBits'(261'(p_i.x) >> (i * LimbBits))};
    assign y1 = {1'b0, LimbBits'(261'(p_i.y) >> (i * LimbBits))};
    assign z1 = {1'b0, LimbBits'(261'(p_i.z) >> (i * LimbBits))};
    assign x2 = {1'b0, LimbBits'(261'(q_i.x) >> (i * LimbBits))};
    assign y2 = {1'b0, LimbBits'(261'(q_i.y) >> (i * LimbBits))};
    assign z2 = {1'b0, LimbBits'(261'(q_i.z) >> (i * LimbBits))};

    always_ff @(posedge clk_i) begin
      if (valid_i) begin
        a_q[0][i] <= x1;
        a_q[1][i] <= y1;
        a_q[2][i] <= z1;
        a_q[3][i] <= x1 + y1;
        a_q[4][i] <= y1 + z1;
        a_q[5][i] <= x1 + z1;
        b_q[0][i] <= x2;
        b_q[1][i] <= y2;
        b_q[2][i] <= z2;
        b_q[3][i] <= x2 + y2;
        b_q[4][i] <= y2 + z2;
        b_q[5][i] <= x2 + z2;
      end
    end
  end

  // Stages 2 and 3: columns of the six products. Limbs of 30 bits: a column is below 8 * 2^60 + 2^55.
  logic [Products-1:0] prod_valid;
  logic [63:0]         prod[Products][Cols]  /* verilator split_var */;
  for (genvar n = 0; n < Products; n++) begin : gen_product
    mr_mul_cols #(
      .ABits(LimbBits + 1),
      .BBits(LimbBits + 1)
    ) u_cols (
      .clk_i,
      .rst_ni,
      .valid_i(pre_valid_q),
      .a_i    (a_q[n]),
      .b_i    (b_q[n]),
      .valid_o(prod_valid[n]),
      .c_o    (prod[n])
    );
  end

  // Stage 4: the columns of t0, t1, t2 / 3, t3, t4, t5 / 3. A column of a mixed term is a sum of at most 16 products of 29 bits and
  // never negative; three times that is below 2^63.6.
  logic        comb_valid_q;
  logic [63:0] comb_q[Products][Cols]  /* verilator split_var */;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) comb_valid_q <= 1'b0;
    else comb_valid_q <= prod_valid[0];
  end

  for (genvar k = 0; k < Cols; k++) begin : gen_comb
    logic [63:0] xz;
    assign xz = prod[5][k] - prod[0][k] - prod[2][k];

    always_ff @(posedge clk_i) begin
      if (prod_valid[0]) begin
        comb_q[0][k] <= prod[0][k] + (prod[0][k] << 1);
        comb_q[1][k] <= prod[1][k];
        comb_q[2][k] <= prod[2][k] + (prod[2][k] << 1);
        comb_q[3][k] <= prod[3][k] - prod[0][k] - prod[1][k];
        comb_q[4][k] <= prod[4][k] - prod[1][k] - prod[2][k];
        comb_q[5][k] <= xz + (xz << 1);
      end
    end
  end

  // Stages 5..13: t0, t1, t2 / 3, t3, t4, t5 / 3, each below 1.2 q, as x is at most 6 q^2 < 2^510.
  logic [Products-1:0] t_valid;
  logic [LimbBits-1:0] t[Products][Limbs]  /* verilator split_var */;
  for (genvar n = 0; n < Products; n++) begin : gen_reduce
    mr_reduce #(
      .Field(FieldFq),
      .Split(251)
    ) u_reduce (
      .clk_i,
      .rst_ni,
      .valid_i(comb_valid_q),
      .c_i    (comb_q[n]),
      .valid_o(t_valid[n]),
      .r_o    (t[n])
    );
  end

  // Stage 14: t1 + t2, t1 - t2, t5, -t5; t0, t3, t4 wait beside them.
  logic                mid_valid_q;
  logic [LimbBits:0]   sum[Limbs]  /* verilator split_var */;
  logic [LimbBits:0]   diff[Limbs]  /* verilator split_var */;
  logic [LimbBits:0]   y[Limbs]  /* verilator split_var */;
  logic [LimbBits:0]   yneg[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] t0_q[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] t3_q[Limbs]  /* verilator split_var */;
  logic [LimbBits-1:0] t4_q[Limbs]  /* verilator split_var */;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) mid_valid_q <= 1'b0;
    else mid_valid_q <= t_valid[0];
  end

  mr_point_mid u_mid (
    .clk_i,
    .valid_i(t_valid[0]),
    .t1_i   (t[1]),
    .t2_i   (t[2]),
    .t5_i   (t[5]),
    .sum_o  (sum),
    .diff_o (diff),
    .y_o    (y),
    .yneg_o (yneg)
  );

  for (genvar i = 0; i < Limbs; i++) begin : gen_beside
    always_ff @(posedge clk_i) begin
      if (t_valid[0]) begin
        t0_q[i] <= t[0][i];
        t3_q[i] <= t[3][i];
        t4_q[i] <= t[4][i];
      end
    end
  end

  // Stages 15..29: a coordinate is the sum of two products.
  logic [2:0]   out_valid;
  logic [253:0] out[3];
  mr_mul_pair u_x (
    .clk_i,
    .rst_ni,
    .valid_i(mid_valid_q),
    .a_i    (t3_q),
    .b_i    (diff),
    .c_i    (t4_q),
    .d_i    (yneg),
    .valid_o(out_valid[0]),
    .r_o    (out[0])
  );
  mr_mul_pair #(
    .ABits(LimbBits + 1)
  ) u_y (
    .clk_i,
    .rst_ni,
    .valid_i(mid_valid_q),
    .a_i    (sum),
    .b_i    (diff),
    .c_i    (t0_q),
    .d_i    (y),
    .valid_o(out_valid[1]),
    .r_o    (out[1])
  );
  mr_mul_pair #(
    .DBits(LimbBits)
  ) u_z (
    .clk_i,
    .rst_ni,
    .valid_i(mid_valid_q),
    .a_i    (t4_q),
    .b_i    (sum),
    .c_i    (t0_q),
    .d_i    (t3_q),
    .valid_o(out_valid[2]),
    .r_o    (out[2])
  );

  // The parallel paths of a layer run in step: the first one's valid speaks for all.
  logic unused_valid;
  assign unused_valid = ^{prod_valid[Products-1:1], t_valid[Products-1:1], out_valid[2:1]};

  assign valid_o = out_valid[0];
  assign r_o     = '{x: out[0], y: out[1], z: out[2]};

  /* verilator tracing_on */
endmodule
