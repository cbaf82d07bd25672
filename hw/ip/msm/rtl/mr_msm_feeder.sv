// Reads scalars and points, checks them, and emits every non-zero digit of every scalar as one operation on a slot.
//
// Scalars come two a beat, points one a beat; a scalar and its point enter the recoding together. What comes out waits in
// `next` while `cur` is emitted, lowest window first, one digit a cycle; zero scalars and points at infinity never enter
// `next`. So there is no bubble between points, not even when each scalar has a single digit, and a zero scalar costs
// at most one cycle.
//
// Points in Montgomery form (`mont`) enter as they are, with R = 2^256 mod q for Z instead of 1: (x R : y R : R) is the same point.
//
// A negative digit goes to the slot of its absolute value with -y. Slot of digit d of window w: w 2^(c-1) + |d| - 1.
//
// The first error (failed beat, scalar >= r, coordinate >= q; in this order for one index) is kept with its position. After it
// all beats asked for are still taken, and what they hold is dropped. `done_o` rises when everything is read and emitted, and stays until `start_i`.
//
// While no job runs, every register that held a scalar, its digits, or which of them are zero, is zero.
//
// Latency: 5 cycles from the beats to the operation. Throughput: one digit a cycle, one point a cycle.
module mr_msm_feeder
  import mr_job_pkg::*;
  import mr_curve_pkg::point_t;
#(
  /// Bits of a window (c).
  parameter int unsigned WindowBits = 8,
  /// Windows (W).
  parameter int unsigned Windows    = 32,
  localparam int unsigned SlotW     = $clog2(Windows) + WindowBits - 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             start_i,        // begin with the job below; ignored unless done
  input  cmd_t             cmd_i,          // stable from `start_i` to `done_o`
  output logic             done_o,
  output logic             error_o,        // `cause_o` and `position_o` are valid
  output cause_e           cause_o,
  output logic [63:0]      position_o,
  output logic             starved_o,      // nothing to emit because a beat is missing

  output logic             sc_req_valid_o,
  input  logic             sc_req_ready_i,
  output dma_req_t         sc_req_o,
  input  logic             sc_valid_i,
  output logic             sc_ready_o,
  input  dma_beat_t        sc_beat_i,

  output logic             pt_req_valid_o,
  input  logic             pt_req_ready_i,
  output dma_req_t         pt_req_o,
  input  logic             pt_valid_i,
  output logic             pt_ready_o,
  input  dma_beat_t        pt_beat_i,

  output logic             op_valid_o,
  input  logic             op_ready_i,
  output logic [SlotW-1:0] op_slot_o,
  output point_t           op_point_o
);

  localparam int unsigned DigitsW = WindowBits * Windows;
  localparam int unsigned BucketW = WindowBits - 1;
  localparam int unsigned WindowW = $clog2(Windows);

  localparam logic [WindowBits-1:0] ZeroDigit = (WindowBits'(1) << BucketW) - 1'b1;

  logic unused_cmd;   // fields that other parts of the engine use
  assign unused_cmd = ^cmd_i;

  // Requests.
  logic sc_req_q, pt_req_q;
  logic busy_q;
  logic [31:0] count;

  assign count          = cmd_i.count[31:0];
  assign sc_req_valid_o = sc_req_q;
  assign pt_req_valid_o = pt_req_q;
  assign sc_req_o       = '{dev: cmd_i.src0_dev, addr: cmd_i.src0, beats: (count >> 1) + 32'(count[0])};
  assign pt_req_o       = '{dev: cmd_i.src1_dev, addr: cmd_i.src1, beats: count};

  // Beats join: index of the scalar and point that enter.
  logic        join_valid, join_ready, join_fire, wants;
  logic [31:0] in_q;
  logic        last_in;

  assign wants      = busy_q && (in_q != count);
  assign join_valid = wants && sc_valid_i && pt_valid_i;
  assign join_fire  = join_valid && join_ready;
  assign last_in    = (in_q == count - 1'b1);
  assign pt_ready_o = join_fire;
  assign sc_ready_o = join_fire && (in_q[0] || last_in);

  logic               rc_valid, rc_ready, rc_scalar_ok, rc_point_ok, rc_infinity;
  logic [DigitsW-1:0] rc_digits;
  logic [253:0]       rc_x, rc_y, rc_neg;
  logic               rc_sc_err, rc_pt_err;

  mr_msm_recode #(
    .WindowBits(WindowBits),
    .Windows   (Windows)
  ) u_recode (
    .clk_i, .rst_ni,
    .wipe_i     (!busy_q),
    .valid_i    (join_valid),
    .ready_o    (join_ready),
    .scalar_i   (in_q[0] ? sc_beat_i.data[511:256] : sc_beat_i.data[255:0]),
    .x_i        (pt_beat_i.data[255:0]),
    .y_i        (pt_beat_i.data[511:256]),
    .tag_i      ({sc_beat_i.err, pt_beat_i.err}),
    .valid_o    (rc_valid),
    .ready_i    (rc_ready),
    .scalar_ok_o(rc_scalar_ok),
    .point_ok_o (rc_point_ok),
    .infinity_o (rc_infinity),
    .digits_o   (rc_digits),
    .x_o        (rc_x),
    .y_o        (rc_y),
    .neg_y_o    (rc_neg),
    .tag_o      ({rc_sc_err, rc_pt_err})
  );

  // `next` and `cur`.
  logic               next_valid_q, cur_valid_q;
  logic [Windows-1:0] next_mask_q, cur_mask_q, rc_mask, cur_rest;
  logic [DigitsW-1:0] next_digits_q, cur_digits_q;
  logic [253:0]       next_x_q, next_y_q, next_neg_q, cur_x_q, cur_y_q, cur_neg_q;

  logic [31:0] out_q;      // index of the scalar and point that leave the recoding
  logic        rc_fire, cur_free, emit, op_free;
  logic        bad;

  assign cur_rest = cur_mask_q & (cur_mask_q - 1'b1);
  assign emit     = cur_valid_q && op_free;
  assign cur_free = !cur_valid_q || (emit && cur_rest == '0);
  assign rc_ready = !next_valid_q || cur_free;
  assign rc_fire  = rc_valid && rc_ready;
  assign bad      = rc_sc_err || rc_pt_err || !rc_scalar_ok || !rc_point_ok;

  always_comb begin
    for (int unsigned w = 0; w < Windows; w++) begin
      rc_mask[w] = (rc_digits[WindowBits*w+:WindowBits] != ZeroDigit);
    end
  end

  // First error.
  logic        error_q;
  cause_e      cause_q;
  logic [63:0] position_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      error_q <= 1'b0;
    end else if (start_i && done_o) begin
      error_q <= 1'b0;
    end else if (rc_fire && bad) begin
      error_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rc_fire && bad && !error_q) begin
      if (rc_sc_err) begin
        cause_q    <= cmd_i.src0_dev ? CauseMemRead : CauseHostRead;
        position_q <= cmd_i.src0 + {27'd0, out_q[31:1], 6'd0};
      end else if (rc_pt_err) begin
        cause_q    <= cmd_i.src1_dev ? CauseMemRead : CauseHostRead;
        position_q <= cmd_i.src1 + {26'd0, out_q, 6'd0};
      end else begin
        cause_q    <= rc_scalar_ok ? CausePointRange : CauseScalarRange;
        position_q <= {32'd0, out_q};
      end
    end
  end

  assign error_o    = error_q;
  assign cause_o    = cause_q;
  assign position_o = position_q;

  // Control of the job and of `next`, `cur`, `op`.
  logic             op_valid_q;
  logic [SlotW-1:0] op_slot_q;
  logic [253:0]     op_x_q, op_y_q;

  assign op_free = !op_valid_q || op_ready_i;
  assign done_o  = !busy_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q       <= 1'b0;
      sc_req_q     <= 1'b0;
      pt_req_q     <= 1'b0;
      next_valid_q <= 1'b0;
      cur_valid_q  <= 1'b0;
      op_valid_q   <= 1'b0;
    end else if (!busy_q) begin
      busy_q   <= start_i;
      sc_req_q <= start_i;
      pt_req_q <= start_i;
      in_q     <= '0;
      out_q    <= '0;
    end else begin
      if (sc_req_ready_i) sc_req_q <= 1'b0;
      if (pt_req_ready_i) pt_req_q <= 1'b0;
      in_q  <= in_q + 32'(join_fire);
      out_q <= out_q + 32'(rc_fire);
      if (rc_ready) next_valid_q <= rc_fire && !bad && !error_q && !rc_infinity && (rc_mask != '0);
      if (cur_free) cur_valid_q <= next_valid_q;
      if (op_free) op_valid_q <= cur_valid_q;
      if (out_q == count && !next_valid_q && !cur_valid_q && op_free) busy_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (rc_fire) begin
      next_mask_q   <= rc_mask;
      next_digits_q <= rc_digits;
      next_x_q      <= rc_x;
      next_y_q      <= rc_y;
      next_neg_q    <= rc_neg;
    end
    if (!busy_q) begin   // no digits stay behind
      next_mask_q   <= '0;
      next_digits_q <= '0;
      cur_mask_q    <= '0;
      cur_digits_q  <= '0;
    end
    if (cur_free && next_valid_q) begin
      cur_mask_q   <= next_mask_q;
      cur_digits_q <= next_digits_q;
      cur_x_q      <= next_x_q;
      cur_y_q      <= next_y_q;
      cur_neg_q    <= next_neg_q;
    end else if (emit) begin
      cur_mask_q <= cur_rest;
    end
  end

  // The lowest digit of `cur`. With e = d + 2^(c-1) - 1: d > 0 iff the top bit is set, |d| - 1 is then e's lower bits,
  // else their complement less one.
  logic [WindowW-1:0]    window;
  logic [WindowBits-1:0] digit;
  logic [BucketW-1:0]    bucket;
  logic                  negative;

  always_comb begin
    window = '0;
    for (int w = int'(Windows) - 1; w >= 0; w--) begin
      if (cur_mask_q[w]) window = WindowW'(w);
    end
  end

  assign digit    = cur_digits_q[WindowBits*window+:WindowBits];
  assign negative = !digit[WindowBits-1];
  assign bucket   = negative ? ~digit[BucketW-1:0] - 1'b1 : digit[BucketW-1:0];

  always_ff @(posedge clk_i) begin
    if (!busy_q) op_slot_q <= '0;
    if (emit) begin
      op_slot_q <= {window, bucket};
      op_x_q    <= cur_x_q;
      op_y_q    <= negative ? cur_neg_q : cur_y_q;
    end
  end

  assign op_valid_o = op_valid_q;
  assign op_slot_o  = op_slot_q;
  assign op_point_o = '{x: op_x_q, y: op_y_q, z: cmd_i.mont ? mr_curve_pkg::MontOne : 254'd1};
  assign starved_o  = wants && !join_valid && !op_valid_q;

  assert property (@(posedge clk_i) disable iff (!rst_ni) cur_valid_q |-> cur_mask_q != '0);
  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> done_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) (op_valid_o && !op_ready_i) |=> (op_valid_o && $stable(op_slot_o)));
  assert property (@(posedge clk_i) disable iff (!rst_ni) (sc_req_valid_o && !sc_req_ready_i) |=> sc_req_valid_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) (pt_req_valid_o && !pt_req_ready_i) |=> pt_req_valid_o);

endmodule
