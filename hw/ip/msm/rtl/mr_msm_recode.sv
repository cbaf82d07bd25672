// Checks of one scalar and one point, and the scalar's signed digits.
//
// The digits d_w of k = sum d_w 2^(c w), -2^(c-1) < d_w <= 2^(c-1), need no chain of carries from window to window:
// with K = sum (2^(c-1) - 1) 2^(c w), the unsigned digits e_w of k + K satisfy d_w = e_w - (2^(c-1) - 1). So recoding
// is one addition, and e_w = 2^(c-1) - 1 marks a zero digit. k + K needs no more than W c bits, as k < 2^254 <= 2^(W c - 1)
// and K < 2^(W c - 1).
//
// Operand ranges: any 256 bits; `scalar_ok_o` says k < r, `point_ok_o` that both coordinates are below q. Only then do the other
// outputs mean anything. `neg_y_o` = -y mod q.
//
// Latency: 2 cycles, the lower 128 bits in the first, the rest in the second. Throughput: one a cycle; waits for `ready_i`.
module mr_msm_recode #(
  /// Bits of a window (c), 3..16.
  parameter int unsigned WindowBits = 8,
  /// Windows (W); W c is at least 255.
  parameter int unsigned Windows    = 32,
  localparam int unsigned DigitsW   = WindowBits * Windows
) (
  input  logic               clk_i,
  input  logic               rst_ni,

  input  logic               wipe_i,       // zero what is left of a scalar; only while empty

  input  logic               valid_i,
  output logic               ready_o,
  input  logic [255:0]       scalar_i,
  input  logic [255:0]       x_i,
  input  logic [255:0]       y_i,
  input  logic [1:0]         tag_i,        // carried along

  output logic               valid_o,
  input  logic               ready_i,
  output logic               scalar_ok_o,
  output logic               point_ok_o,
  output logic               infinity_o,   // the point is (0, 0)
  output logic [DigitsW-1:0] digits_o,     // e_w, c bits each
  output logic [253:0]       x_o,
  output logic [253:0]       y_o,
  output logic [253:0]       neg_y_o,
  output logic [1:0]         tag_o
);

  localparam int unsigned Lo = 128;
  localparam int unsigned Hi = DigitsW - Lo;

  if (DigitsW < 255) begin : gen_bad_parameter
    $error("mr_msm_recode: Windows * WindowBits must be at least 255");
  end

  localparam logic [WindowBits-1:0] ZeroDigit = (WindowBits'(1) << (WindowBits - 1)) - 1'b1;
  localparam logic [DigitsW-1:0]    Offset    = {Windows{ZeroDigit}};
  localparam logic [255:0]          ModQ      = {2'b00, mr_field_pkg::Q};
  localparam logic [255:0]          ModR      = {2'b00, mr_field_pkg::R};

  // Stage 1: lower halves.
  logic           s1_valid_q;
  logic           s1_en;
  logic [Lo:0]    s1_sum_q;                          // with carry
  logic [Lo:0]    s1_neg_q;                          // with borrow
  logic           s1_k_lt_q, s1_x_lt_q, s1_y_lt_q;   // below the modulus in the lower half
  logic [127:0]   s1_k_hi_q;
  logic [255:0]   s1_x_q, s1_y_q;
  logic [1:0]     s1_tag_q;

  // Stage 2: upper halves.
  logic               s2_valid_q;
  logic               s2_en;
  logic               s2_scalar_ok_q, s2_point_ok_q, s2_infinity_q;
  logic [DigitsW-1:0] s2_digits_q;
  logic [253:0]       s2_x_q, s2_y_q, s2_neg_q;
  logic [1:0]         s2_tag_q;

  assign s2_en   = !s2_valid_q || ready_i;
  assign s1_en   = !s1_valid_q || s2_en;
  assign ready_o = s1_en;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      s1_valid_q <= 1'b0;
      s2_valid_q <= 1'b0;
    end else begin
      if (s1_en) s1_valid_q <= valid_i;
      if (s2_en) s2_valid_q <= s1_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (wipe_i) begin
      s1_sum_q  <= '0;
      s1_k_hi_q <= '0;
    end else if (s1_en && valid_i) begin
      s1_sum_q  <= {1'b0, scalar_i[Lo-1:0]} + {1'b0, Offset[Lo-1:0]};
      s1_neg_q  <= {1'b0, ModQ[Lo-1:0]} - {1'b0, y_i[Lo-1:0]};
      s1_k_lt_q <= scalar_i[Lo-1:0] < ModR[Lo-1:0];
      s1_x_lt_q <= x_i[Lo-1:0] < ModQ[Lo-1:0];
      s1_y_lt_q <= y_i[Lo-1:0] < ModQ[Lo-1:0];
      s1_k_hi_q <= scalar_i[255:Lo];
      s1_x_q    <= x_i;
      s1_y_q    <= y_i;
      s1_tag_q  <= tag_i;
    end
  end

  logic          y_zero, k_ok, x_ok, y_ok;
  logic [Hi-1:0] sum_hi;
  logic [125:0]  neg_hi;
  assign y_zero = (s1_y_q == '0);
  assign k_ok   = (s1_k_hi_q < ModR[255:Lo]) || (s1_k_hi_q == ModR[255:Lo] && s1_k_lt_q);
  assign x_ok   = (s1_x_q[255:Lo] < ModQ[255:Lo]) || (s1_x_q[255:Lo] == ModQ[255:Lo] && s1_x_lt_q);
  assign y_ok   = (s1_y_q[255:Lo] < ModQ[255:Lo]) || (s1_y_q[255:Lo] == ModQ[255:Lo] && s1_y_lt_q);
  assign sum_hi = Hi'(s1_k_hi_q) + Offset[DigitsW-1:Lo] + Hi'(s1_sum_q[Lo]);
  assign neg_hi = ModQ[253:Lo] - s1_y_q[253:Lo] - 126'(s1_neg_q[Lo]);

  always_ff @(posedge clk_i) begin
    if (wipe_i) begin
      s2_digits_q <= '0;
    end else if (s2_en && s1_valid_q) begin
      s2_scalar_ok_q <= k_ok;
      s2_point_ok_q  <= x_ok && y_ok;
      s2_infinity_q  <= y_zero && (s1_x_q == '0);
      s2_digits_q    <= {sum_hi, s1_sum_q[Lo-1:0]};
      s2_x_q         <= s1_x_q[253:0];
      s2_y_q         <= s1_y_q[253:0];
      s2_neg_q       <= y_zero ? '0 : {neg_hi, s1_neg_q[Lo-1:0]};
      s2_tag_q       <= s1_tag_q;
    end
  end

  assign valid_o     = s2_valid_q;
  assign scalar_ok_o = s2_scalar_ok_q;
  assign point_ok_o  = s2_point_ok_q;
  assign infinity_o  = s2_infinity_q;
  assign digits_o    = s2_digits_q;
  assign x_o         = s2_x_q;
  assign y_o         = s2_y_q;
  assign neg_y_o     = s2_neg_q;
  assign tag_o       = s2_tag_q;

  assert property (@(posedge clk_i) disable iff (!rst_ni) wipe_i |-> !(valid_i || s1_valid_q || s2_valid_q));
  assert property (@(posedge clk_i) disable iff (!rst_ni) (valid_o && !ready_i) |=> (valid_o && $stable(digits_o)));

endmodule
