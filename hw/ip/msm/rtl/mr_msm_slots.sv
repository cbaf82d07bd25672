// The slots: bucket sums by pairing.
//
// A slot is empty or holds one point. Two arrivals a cycle, each named by a slot index: port A brings operations (new points
// and the sequencer's), port B the sums that the adder returns. An arrival at an empty slot is stored. At a full one it
// leaves together with the slot's content as an addition whose sum arrives at the same slot again, and the slot is empty
// meanwhile. Two arrivals at one slot in one cycle leave as a pair and the slot stays as it is. So n points in a slot cost n-1
// additions in whatever order they come.
//
//   cycle 0            occupied bits looked up and set anew, for both ports; place in the queue reserved
//   cycle 1            data RAM accessed, one access an arrival, in the order of the decisions: the RAM needs no forwarding
//   cycle 1+RamLatency content read; pairs of port B go to the adder at once, those of port A into the queue (and from there
//                      into cycles that port B leaves free); takes are answered
//
// Port B never waits: its pairs have the adder to themselves. Port A waits while `QueueDepth` of its pairs have no adder cycle
// yet, counted from the decision, so the queue cannot overflow. `drained_o`: no addition is between decision and return.
//
// Between jobs (`idle_i`) the contents, which are sums of a witness, are zeroed: one word of the RAM a cycle by port B, then what port A's and B's reads left
// behind the RAM; the queue zeroes itself. The user starts a job whenever it likes; what was not reached by then is zeroed after it.
//
// Rules for the user: no OpTake or OpDouble at a slot at which a sum may arrive in that cycle (the sequencer waits for
// `drained_o`). OpTake is answered exactly `RamLatency`+1 cycles later, in order, `take_full_o` low for an empty slot.
module mr_msm_slots
  import mr_msm_pkg::*;
  import mr_curve_pkg::point_t;
#(
  /// Slots, at least 2.
  parameter int unsigned NumSlots   = 1024,
  /// Read latency of the data RAM in cycles, at least 1.
  parameter int unsigned RamLatency = 2,
  /// Places for pairs of port A, a power of two; 32 keep the adder busy with RamLatency up to 4.
  parameter int unsigned QueueDepth = 32,
  localparam int unsigned SlotW     = $clog2(NumSlots)
) (
  input  logic             clk_i,
  input  logic             rst_ni,

  input  logic             idle_i,         // no job: drained, no operation, no sum
  input  logic             clear_i,        // forget all contents; only when drained
  output logic             clearing_o,     // a clear, or the one after reset, is under way

  input  logic             a_valid_i,
  output logic             a_ready_o,
  input  op_e              a_op_i,
  input  logic [SlotW-1:0] a_slot_i,
  input  point_t           a_point_i,      // OpInsert only

  input  logic             b_valid_i,
  input  logic [SlotW-1:0] b_slot_i,
  input  point_t           b_point_i,

  output logic             pair_valid_o,
  output point_t           pair_p_o,
  output point_t           pair_q_o,
  output logic [SlotW-1:0] pair_slot_o,

  output logic             take_valid_o,
  output logic             take_full_o,
  output point_t           take_point_o,

  output logic             drained_o
);

  localparam int unsigned PointW    = $bits(point_t);
  localparam int unsigned ReservedW = $clog2(QueueDepth + 1);
  localparam int unsigned FlightW   = 16;

  // Cycle 0: decide.
  logic a_fire, a_full, b_full, meet;
  logic a_store, a_pair, a_double, a_take, b_store, b_pair;
  logic a_set, b_set;
  logic clearing;

  assign clearing_o = clearing;
  assign a_fire     = a_valid_i && a_ready_o;
  assign meet       = a_fire && b_valid_i && (a_slot_i == b_slot_i);
  assign a_store    = a_fire && !meet && (a_op_i == OpInsert) && !a_full;
  assign a_pair     = a_fire && !meet && (a_op_i == OpInsert) && a_full;
  assign a_double   = a_fire && (a_op_i == OpDouble) && a_full;
  assign a_take     = a_fire && (a_op_i == OpTake);
  assign b_store    = b_valid_i && !meet && !b_full;
  assign b_pair     = b_valid_i && !meet && b_full;
  assign a_set      = a_store || a_pair || a_double || (a_take && a_full);
  assign b_set      = b_store || b_pair;

  mr_msm_occupied #(
    .NumSlots(NumSlots)
  ) u_occupied (
    .clk_i, .rst_ni,
    .clear_i,
    .clearing_o(clearing),
    .a_slot_i,
    .a_full_o  (a_full),
    .a_set_i   (a_set),
    .a_value_i (a_store),
    .b_slot_i,
    .b_full_o  (b_full),
    .b_set_i   (b_set),
    .b_value_i (b_store)
  );

  // Between jobs: word `sweep_q` is zeroed next, or all are.
  logic             swept_q;
  logic [SlotW-1:0] sweep_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || !idle_i) begin
      swept_q <= 1'b0;
      sweep_q <= '0;
    end else if (sweep_q == SlotW'(NumSlots - 1)) begin
      swept_q <= 1'b1;
    end else begin
      sweep_q <= sweep_q + 1'b1;
    end
  end

  // Cycle 1: access.
  logic             a1_store_q, a1_pair_q, a1_double_q, a1_take_q, a1_full_q, b1_store_q, b1_pair_q, b1_meet_q;
  logic [SlotW-1:0] a1_slot_q, b1_slot_q;
  point_t           a1_point_q, b1_point_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      a1_store_q  <= 1'b0;
      a1_pair_q   <= 1'b0;
      a1_double_q <= 1'b0;
      a1_take_q   <= 1'b0;
      b1_store_q  <= 1'b0;
      b1_pair_q   <= 1'b0;
      b1_meet_q   <= 1'b0;
    end else begin
      a1_store_q  <= a_store;
      a1_pair_q   <= a_pair;
      a1_double_q <= a_double;
      a1_take_q   <= a_take;
      b1_store_q  <= b_store || (idle_i && !swept_q);
      b1_pair_q   <= b_pair;
      b1_meet_q   <= meet;
    end
  end

  always_ff @(posedge clk_i) begin
    if (a_fire) begin
      a1_slot_q <= a_slot_i;
      a1_full_q <= a_full;
    end
    if (a_fire && a_op_i == OpInsert) a1_point_q <= a_point_i;
    if (b_valid_i) begin
      b1_slot_q  <= b_slot_i;
      b1_point_q <= b_point_i;
    end
    if (idle_i) begin
      a1_slot_q  <= '0;
      a1_point_q <= '0;
      b1_slot_q  <= sweep_q;
      b1_point_q <= '0;
    end
  end

  point_t a_content, b_content;
  logic   flush;   // reads of zeroed words
  assign flush = idle_i && swept_q && !b1_store_q;

  mr_msm_ram #(
    .Width  (PointW),
    .Depth  (NumSlots),
    .Latency(RamLatency)
  ) u_ram (
    .clk_i, .rst_ni,
    .a_we_i   (a1_store_q),
    .a_re_i   (a1_pair_q || a1_double_q || (a1_take_q && a1_full_q) || flush),
    .a_addr_i (a1_slot_q),
    .a_wdata_i(a1_point_q),
    .a_rdata_o(a_content),
    .b_we_i   (b1_store_q),
    .b_re_i   (b1_pair_q || flush),
    .b_addr_i (b1_slot_q),
    .b_wdata_i(b1_point_q),
    .b_rdata_o(b_content)
  );

  // While the RAM reads: flags shift, operands wait in rings of `RamLatency` places.
  localparam int unsigned RingW = (RamLatency > 1) ? $clog2(RamLatency) : 1;

  logic [RamLatency-1:0] a_pair_q, a_double_q, a_take_q, b_pair_q, b_meet_q;
  logic [RingW-1:0]      ring_q;
  point_t                a_ring [RamLatency];
  point_t                b_ring [RamLatency];
  logic [SlotW-1:0]      a_slot_ring [RamLatency];
  logic [SlotW-1:0]      b_slot_ring [RamLatency];
  logic [RamLatency-1:0] a_full_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      a_pair_q   <= '0;
      a_double_q <= '0;
      a_take_q   <= '0;
      b_pair_q   <= '0;
      b_meet_q   <= '0;
      ring_q     <= '0;
    end else begin
      a_pair_q   <= RamLatency'({a_pair_q, a1_pair_q});
      a_double_q <= RamLatency'({a_double_q, a1_double_q});
      a_take_q   <= RamLatency'({a_take_q, a1_take_q});
      b_pair_q   <= RamLatency'({b_pair_q, b1_pair_q});
      b_meet_q   <= RamLatency'({b_meet_q, b1_meet_q});
      ring_q     <= (ring_q == RingW'(RamLatency - 1)) ? '0 : ring_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    a_full_q            <= RamLatency'({a_full_q, a1_full_q});
    a_slot_ring[ring_q] <= a1_slot_q;
    b_slot_ring[ring_q] <= b1_slot_q;
    if (a1_pair_q || b1_meet_q || idle_i) a_ring[ring_q] <= a1_point_q;
    if (b1_pair_q || b1_meet_q || idle_i) b_ring[ring_q] <= b1_point_q;
  end

  // Cycle 1+RamLatency: pairs and answers.
  logic a_last_pair, a_last_double, b_last_pair, b_last_meet;
  assign a_last_pair   = a_pair_q[RamLatency-1];
  assign a_last_double = a_double_q[RamLatency-1];
  assign b_last_pair   = b_pair_q[RamLatency-1];
  assign b_last_meet   = b_meet_q[RamLatency-1];

  logic                      queue_valid, queue_pop;
  logic [SlotW+2*PointW-1:0] queue_head;

  mr_msm_fifo #(
    .Width(SlotW + 2 * PointW),
    .Depth(QueueDepth)
  ) u_queue (
    .clk_i, .rst_ni,
    .push_i (a_last_pair || a_last_double),
    .data_i ({a_slot_ring[ring_q], a_last_double ? a_content : a_ring[ring_q], a_content}),
    .valid_o(queue_valid),
    .data_o (queue_head),
    .pop_i  (queue_pop)
  );

  logic b_leaves;
  assign b_leaves     = b_last_pair || b_last_meet;
  assign queue_pop    = queue_valid && !b_leaves;
  assign pair_valid_o = queue_valid || b_leaves;

  always_comb begin
    {pair_slot_o, pair_p_o, pair_q_o} = queue_head;
    if (b_leaves) begin
      pair_slot_o = b_slot_ring[ring_q];
      pair_p_o    = b_ring[ring_q];
      pair_q_o    = b_last_meet ? a_ring[ring_q] : b_content;
    end
  end

  assign take_valid_o = a_take_q[RamLatency-1];
  assign take_full_o  = a_full_q[RamLatency-1];
  assign take_point_o = a_content;

  // Accounts.
  logic [ReservedW-1:0] reserved_q;   // pairs of port A from decision to the adder
  logic [FlightW-1:0]   flight_q;     // additions from decision to return

  assign a_ready_o = !clearing && (reserved_q != ReservedW'(QueueDepth));
  assign drained_o = (flight_q == '0);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      reserved_q <= '0;
      flight_q   <= '0;
    end else begin
      reserved_q <= reserved_q + ReservedW'(a_pair || a_double) - ReservedW'(queue_pop);
      flight_q   <= flight_q + FlightW'(a_pair || a_double) + FlightW'(b_pair || meet) - FlightW'(b_valid_i);
    end
  end

  // A sum returns only for an addition under way; the counts agree with what is there.
  assert property (@(posedge clk_i) disable iff (!rst_ni) b_valid_i |-> !drained_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) queue_valid |-> reserved_q != '0);
  assert property (@(posedge clk_i) disable iff (!rst_ni) pair_valid_o |-> !drained_o);
  // An arrival that must see the slot's content never meets a sum.
  assert property (@(posedge clk_i) disable iff (!rst_ni) meet |-> a_op_i == OpInsert);
  assert property (@(posedge clk_i) disable iff (!rst_ni) clear_i |-> drained_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) idle_i |-> drained_o && !a_valid_i && !b_valid_i);
  // An offered operation is not withdrawn (the sequencer may offer another first).
  assert property (@(posedge clk_i) disable iff (!rst_ni) (a_valid_i && !a_ready_o) |=> a_valid_i);

endmodule
