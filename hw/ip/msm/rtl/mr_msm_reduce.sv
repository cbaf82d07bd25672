// The sequencer behind the bucket phase: turns bucket sums into the job's result, or hands all of them out (dump).
//
// Bucket i of window w holds S(w,i); wanted is sum over w of 2^(c w) sum over i of i S(w,i). All steps are operations on the same
// slots, so there are no running sums, no chain of dependent additions inside a window and no second path to the adder:
//
//   fold    i = h 2^k + l with k = c/2: the content of every bucket with h and l both non-zero is taken and inserted into bucket
//           h 2^k and into bucket l (2 additions a bucket; i = h 2^k + l keeps the sum)
//   bits    every bucket left whose i is no power of two is taken and inserted into the bucket of each set bit of i
//   window  R(w) lives in the slot of 2^(c-1). For b = c-2 .. 0: R(w) = 2 R(w) + S(w, 2^b), all windows in one sweep
//   chain   R lives in R(W-1). For w = W-2 .. 0: c doublings of R, then R = R + R(w)
//   last    R is taken
//
// Each step ends when all additions have returned. S(w, 2^b) may be inserted while the doubling of R(w) is under way: it is stored,
// and the doubled R(w) meets it. Empty slots stand for infinity and cost no addition. At the end all slots are empty.
//
// Cycles, with L = adder latency + RamLatency + 3: fold about 3 W (2^(c-1) - 2^k), window (c-1) max(3 W, 2 L), chain
// (W-1)(c+1) L, dump W 2^(c-1) at the least.
module mr_msm_reduce
  import mr_msm_pkg::*;
  import mr_curve_pkg::point_t;
#(
  /// Bits of a window (c), 3..16.
  parameter int unsigned WindowBits = 8,
  /// Windows (W), at least 2.
  parameter int unsigned Windows    = 32,
  localparam int unsigned SlotW     = $clog2(Windows) + WindowBits - 1
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             start_i,        // slots hold bucket sums and are drained
  input  logic             dump_i,         // with `start_i`: hand out all slots in order instead
  output logic             done_o,         // idle

  output logic             op_valid_o,
  input  logic             op_ready_i,
  output op_e              op_o,
  output logic [SlotW-1:0] op_slot_o,
  output point_t           op_point_o,

  input  logic             take_valid_i,
  input  logic             take_full_i,
  input  point_t           take_point_i,
  input  logic             drained_i,

  output logic             out_valid_o,
  input  logic             out_ready_i,
  output logic             out_full_o,     // low: the slot was empty, `out_point_o` means nothing
  output point_t           out_point_o
);

  localparam int unsigned BucketW   = WindowBits - 1;
  localparam int unsigned WindowW   = $clog2(Windows);
  localparam int unsigned LowBits   = WindowBits / 2;
  localparam int unsigned FifoDepth = 8;
  localparam int unsigned PointW    = $bits(point_t);

  if (WindowBits < 3 || Windows < 2) begin : gen_bad_parameter
    $error("mr_msm_reduce: WindowBits must be at least 3, Windows at least 2");
  end

  typedef logic [WindowBits-1:0] index_t;    // bucket index i, 1..2^(c-1)
  typedef logic [WindowW-1:0]    window_t;

  localparam index_t  Top        = index_t'(1) << BucketW;
  localparam index_t  LowMask    = (index_t'(1) << LowBits) - 1'b1;
  localparam window_t LastWindow = window_t'(Windows - 1);

  typedef enum logic [2:0] {StIdle, StFold, StBits, StWindow, StChain, StLast, StDump} state_e;

  state_e  state_q;
  window_t w_q;             // sweeps: window of the next operation
  index_t  i_q;             // sweeps over buckets: index of the next take
  logic    second_q;        // StWindow, StChain: the doubling is issued, the take comes next
  logic    issued_q;        // all operations of this step but the inserts are issued
  index_t  bit_q;           // StWindow: 2^b
  window_t chain_w_q;       // StChain: window to be added after the doublings
  logic [$clog2(WindowBits)-1:0] chain_left_q;   // StChain: doublings after this one

  function automatic logic [SlotW-1:0] slot_of(input window_t w, input index_t i);
    return {w, BucketW'(i - 1'b1)};
  endfunction

  // Issue: takes and doublings.
  logic    gen_valid, gen_fire, gen_last;
  op_e     gen_op;
  window_t gen_w;
  index_t  gen_i, i_first, i_next;
  logic    i_last, skip, credit;

  always_comb begin
    i_first = index_t'(1);
    i_next  = i_q + 1'b1;
    i_last  = (i_q == Top);
    unique case (state_q)
      StFold: begin
        i_first = LowMask + index_t'(2);
        if ((i_next & LowMask) == '0) i_next = i_q + index_t'(2);
        i_last = (i_q == Top - 1'b1);
      end
      StBits: if (i_q > LowMask) i_next = i_q + LowMask + 1'b1;
      default: ;
    endcase
  end

  always_comb begin
    gen_op   = OpTake;
    gen_w    = w_q;
    gen_i    = i_q;
    gen_last = i_last && (w_q == LastWindow);
    skip     = 1'b0;
    unique case (state_q)
      StBits: skip = ((i_q & (i_q - 1'b1)) == '0);
      StWindow: begin
        gen_op   = second_q ? OpTake : OpDouble;
        gen_i    = second_q ? bit_q : Top;
        gen_last = second_q && (w_q == LastWindow);
      end
      StChain: begin
        gen_op   = second_q ? OpTake : OpDouble;
        gen_w    = second_q ? chain_w_q : LastWindow;
        gen_i    = Top;
        gen_last = second_q || (chain_left_q != '0);
      end
      StLast: begin
        gen_w    = LastWindow;
        gen_i    = Top;
        gen_last = 1'b1;
      end
      default: ;
    endcase
  end

  // Answers of takes, with the place they came from; `taken_q` counts takes from issue to the end of their inserts.
  logic [$clog2(FifoDepth+1)-1:0] taken_q;
  logic    head_valid, head_full, head_pop;
  window_t head_w;
  index_t  head_i;
  point_t  head_point;
  logic    place_valid_unused;

  assign credit    = (taken_q != ($bits(taken_q))'(FifoDepth));
  assign gen_valid = (state_q != StIdle) && !issued_q && !skip && (gen_op == OpDouble || credit);

  mr_msm_fifo #(
    .Width(WindowW + WindowBits),
    .Depth(FifoDepth)
  ) u_places (
    .clk_i, .rst_ni,
    .push_i (gen_fire && gen_op == OpTake),
    .data_i ({gen_w, gen_i}),
    .valid_o(place_valid_unused),
    .data_o ({head_w, head_i}),
    .pop_i  (head_pop)
  );

  mr_msm_fifo #(
    .Width(1 + PointW),
    .Depth(FifoDepth)
  ) u_answers (
    .clk_i, .rst_ni,
    .push_i (take_valid_i),
    .data_i ({take_full_i, take_point_i}),
    .valid_o(head_valid),
    .data_o ({head_full, head_point}),
    .pop_i  (head_pop)
  );

  // Inserts: what is left of the head's index, and the part of it that goes next.
  logic   outward, ins_valid, ins_fire, part_q;
  index_t rest_q, rest, part, rest_next;
  logic [SlotW-1:0] ins_slot;

  assign outward   = (state_q == StLast) || (state_q == StDump);
  assign ins_valid = head_valid && head_full && !outward;
  assign rest      = part_q ? rest_q : head_i;
  assign rest_next = rest & ~part;

  always_comb begin
    part     = rest;
    ins_slot = slot_of(head_w, Top);
    unique case (state_q)
      StFold: begin
        if ((rest & ~LowMask) != '0) part = rest & ~LowMask;
        ins_slot = slot_of(head_w, part);
      end
      StBits: begin
        part     = rest & (~rest + 1'b1);
        ins_slot = slot_of(head_w, part);
      end
      StChain: ins_slot = slot_of(LastWindow, Top);
      default: ;
    endcase
  end

  assign op_valid_o = gen_valid || ins_valid;
  assign gen_fire   = gen_valid && op_ready_i;
  assign ins_fire   = ins_valid && !gen_valid && op_ready_i;
  assign op_o       = gen_valid ? gen_op : OpInsert;
  assign op_slot_o  = gen_valid ? slot_of(gen_w, gen_i) : ins_slot;
  assign op_point_o = head_point;

  assign out_valid_o = head_valid && outward;
  assign out_full_o  = head_full;
  assign out_point_o = head_point;
  assign head_pop    = head_valid && (outward ? out_ready_i : (!head_full || (ins_fire && rest_next == '0)));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      part_q  <= 1'b0;
      taken_q <= '0;
    end else begin
      if (ins_fire) part_q <= (rest_next != '0);
      taken_q <= taken_q + ($bits(taken_q))'(gen_fire && gen_op == OpTake) - ($bits(taken_q))'(head_pop);
    end
  end

  always_ff @(posedge clk_i) begin
    if (ins_fire) rest_q <= rest_next;
  end

  // Steps.
  logic step_done;
  assign step_done = issued_q && (taken_q == '0) && drained_i;
  assign done_o    = (state_q == StIdle);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:   if (start_i) state_q <= dump_i ? StDump : StFold;
        StFold:   if (step_done) state_q <= StBits;
        StBits:   if (step_done) state_q <= StWindow;
        StWindow: if (step_done && bit_q == index_t'(1)) state_q <= StChain;
        StChain:  if (step_done && chain_left_q == '0 && chain_w_q == '0) state_q <= StLast;
        default:  if (step_done) state_q <= StIdle;
      endcase
    end
  end

  // Sweep counters. A step begins with `issued_q` low and the counters at their first values.
  logic advance;
  assign advance = gen_fire || (skip && !issued_q);

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle || step_done) begin
      issued_q <= 1'b0;
      second_q <= 1'b0;
      w_q      <= '0;
      // First index of the step that follows: fold begins above the low half, all others at 1.
      i_q      <= (state_q == StIdle && !dump_i) ? LowMask + index_t'(2) : index_t'(1);
    end else if (advance) begin
      issued_q <= gen_last;
      if (state_q == StWindow || state_q == StChain) begin
        second_q <= !second_q;
        if (second_q) w_q <= w_q + 1'b1;
      end else begin
        i_q <= i_last ? i_first : i_next;
        if (i_last) w_q <= w_q + 1'b1;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (state_q == StIdle) begin
      bit_q        <= Top >> 1;
      chain_w_q    <= LastWindow - 1'b1;
      chain_left_q <= ($bits(chain_left_q))'(WindowBits - 1);
    end else if (step_done && state_q == StWindow) begin
      bit_q <= bit_q >> 1;
    end else if (step_done && state_q == StChain) begin
      chain_left_q <= chain_left_q - 1'b1;
      if (chain_left_q == '0) begin
        chain_left_q <= ($bits(chain_left_q))'(WindowBits - 1);
        chain_w_q    <= chain_w_q - 1'b1;
      end
    end
  end

  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> done_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) take_valid_i |-> taken_q != '0);
  assert property (@(posedge clk_i) disable iff (!rst_ni) head_valid |-> place_valid_unused);
  assert property (@(posedge clk_i) disable iff (!rst_ni) done_o |-> taken_q == '0);
  assert property (@(posedge clk_i) disable iff (!rst_ni) (out_valid_o && !out_ready_i) |=> out_valid_o);

endmodule
