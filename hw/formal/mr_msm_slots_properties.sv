// mr_msm_slots: no operand is lost or counted twice, and reservations never overflow.
//
// A point is a number modulo 4 (tiny/mr_curve_pkg.sv), the adder a pipeline that adds numbers. For any one slot, the sum of all that
// was inserted since it was last emptied is kept beside the design. `ok_conserved` says that this sum is at all times what lies in
// the slot's RAM word (if occupied), in the two access stages, behind the RAM, in the queue and in the adder for that
// slot; so when the slots are drained, all of it lies in the slot. `ok_taken` says that a take answers with it.
// `ok_accounts` counts the same places: reservations are exactly the pairs of port A on their way, at most QueueDepth.
// `ok_wiped`: between jobs (`idle_i`, when all slots are empty) the words of the RAM that the sweep has passed are zero.
// These hold by induction, for operations of any order and timing that the rules of the module allow. That the slots drain when they
// are left alone is checked only for bursts of up to `Burst` operations after reset (`msm_slots_drain`).
// formal: msm_slots_1 prove 3 tiny -GRamLatency=1
// formal: msm_slots_2 prove 3 tiny -GRamLatency=2
// formal: msm_slots_drain bmc 26 tiny -GRamLatency=1 -GNumSlots=2 -GBurst=6
module mr_msm_slots_properties
  import mr_msm_pkg::*;
  import mr_curve_pkg::point_t;
#(
  parameter int unsigned NumSlots   = 4,
  parameter int unsigned RamLatency = 1,
  parameter int unsigned QueueDepth = 2,
  parameter int unsigned AddLatency = 2,
  parameter int unsigned Burst      = 0,   // 0: no limit, and nothing said about draining
  localparam int unsigned SlotW     = $clog2(NumSlots)
) (
  input  logic             clk_i,
  input  logic             rst_ni,
  input  logic             idle_i,
  input  logic             clear_i,
  input  logic             a_valid_i,
  input  logic [1:0]       a_op_i,
  input  logic [SlotW-1:0] a_slot_i,
  input  point_t           a_point_i,
  output logic             assume_reset_first,
  output logic             assume_user,
  output logic             assume_burst,
  output logic             ok_conserved,
  output logic             ok_taken,
  output logic             ok_accounts,
  output logic             ok_wiped,
  output logic             ok_drains
);

  logic started_q = 1'b0;
  always_ff @(posedge clk_i) started_q <= 1'b1;
  assign assume_reset_first = started_q || !rst_ni;

  op_e  a_op;
  logic clearing, a_ready, pair_valid, take_valid, take_full, drained, a_fire;
  point_t pair_p, pair_q, take_point;
  logic [SlotW-1:0] pair_slot;
  assign a_op   = op_e'(a_op_i);
  assign a_fire = a_valid_i && a_ready;

  // The adder.
  logic             add_valid_q [AddLatency];
  logic [SlotW-1:0] add_slot_q  [AddLatency];
  point_t           add_sum_q   [AddLatency];
  always_ff @(posedge clk_i) begin
    add_valid_q[0] <= rst_ni && pair_valid;
    add_slot_q[0]  <= pair_slot;
    add_sum_q[0]   <= pair_p + pair_q;
    for (int i = 1; i < AddLatency; i++) begin
      add_valid_q[i] <= rst_ni && add_valid_q[i-1];
      add_slot_q[i]  <= add_slot_q[i-1];
      add_sum_q[i]   <= add_sum_q[i-1];
    end
  end

  mr_msm_slots #(.NumSlots(NumSlots), .RamLatency(RamLatency), .QueueDepth(QueueDepth)) u_dut (
    .clk_i, .rst_ni, .idle_i, .clear_i, .clearing_o(clearing),
    .a_valid_i, .a_ready_o(a_ready), .a_op_i(a_op), .a_slot_i, .a_point_i,
    .b_valid_i(add_valid_q[AddLatency-1]), .b_slot_i(add_slot_q[AddLatency-1]), .b_point_i(add_sum_q[AddLatency-1]),
    .pair_valid_o(pair_valid), .pair_p_o(pair_p), .pair_q_o(pair_q), .pair_slot_o(pair_slot),
    .take_valid_o(take_valid), .take_full_o(take_full), .take_point_o(take_point), .drained_o(drained)
  );

  // What one slot, any of them, must hold.
  logic [SlotW-1:0] watched_q;
  point_t           sum_q;
  logic             some_q;

  // The rules of the module; a clear comes when nothing is on its way, not even a store or take.
  logic quiet_q;
  always_ff @(posedge clk_i) quiet_q <= !a_valid_i;
  assign assume_user = !started_q || !rst_ni || (a_op_i != 2'd3
      && (!a_valid_i || a_op == OpInsert || drained)
      && (!idle_i || (drained && !a_valid_i && !some_q))
      && (!clear_i || (drained && quiet_q && !a_valid_i)));

  always_ff @(posedge clk_i) begin
    watched_q <= watched_q;
    if (!rst_ni || clear_i) begin
      sum_q  <= '0;
      some_q <= 1'b0;
    end else if (a_fire && a_slot_i == watched_q) begin
      case (a_op)
        OpInsert: begin
          sum_q  <= sum_q + a_point_i;
          some_q <= 1'b1;
        end
        OpDouble: sum_q <= sum_q + sum_q;
        default: begin
          sum_q  <= '0;
          some_q <= 1'b0;
        end
      endcase
    end
  end

  // What lies in the design for it, place by place; `found` counts the places that hold something.
  localparam int unsigned RingW = (RamLatency > 1) ? $clog2(RamLatency) : 1;
  localparam int unsigned PtrW  = $clog2(QueueDepth);
  point_t     held;
  logic [7:0] found, port_a_pairs, additions;
  logic       full;
  logic [PtrW:0]    queued;
  logic [RingW-1:0] place;
  logic [SlotW-1:0] entry_slot;
  point_t           entry_p, entry_q;

  always_comb begin
    held         = '0;
    found        = '0;
    port_a_pairs = '0;
    additions    = '0;
    full         = u_dut.u_occupied.bank_a[watched_q] ^ u_dut.u_occupied.bank_b[watched_q];
    if (clearing) full = full && u_dut.u_occupied.sweep_q > watched_q;

    // Access stage: a store is not in the RAM yet, a pair's content still is.
    if (full) begin
      found++;
      if (u_dut.a1_store_q && u_dut.a1_slot_q == watched_q)      held = u_dut.a1_point_q;
      else if (u_dut.b1_store_q && u_dut.b1_slot_q == watched_q) held = u_dut.b1_point_q;
      else                                                      held = u_dut.u_ram.mem[watched_q];
    end
    if (u_dut.a1_pair_q) begin
      port_a_pairs++;
      additions++;
      if (u_dut.a1_slot_q == watched_q) begin
        held += u_dut.a1_point_q + u_dut.u_ram.mem[watched_q];
        found++;
      end
    end
    if (u_dut.a1_double_q) begin
      port_a_pairs++;
      additions++;
      if (u_dut.a1_slot_q == watched_q) begin
        held += u_dut.u_ram.mem[watched_q] + u_dut.u_ram.mem[watched_q];
        found++;
      end
    end
    if (u_dut.b1_pair_q) begin
      additions++;
      if (u_dut.b1_slot_q == watched_q) begin
        held += u_dut.b1_point_q + u_dut.u_ram.mem[watched_q];
        found++;
      end
    end
    if (u_dut.b1_meet_q) begin
      additions++;
      if (u_dut.b1_slot_q == watched_q) begin
        held += u_dut.a1_point_q + u_dut.b1_point_q;
        found++;
      end
    end

    // Behind the RAM: stage i began its read i + 1 cycles ago, its operands lie i + 1 places back in the rings.
    for (int i = 0; i < RamLatency; i++) begin
      place = RingW'((int'(u_dut.ring_q) + 2 * RamLatency - 1 - i) % RamLatency);
      if (u_dut.a_pair_q[i] || u_dut.a_double_q[i]) begin
        port_a_pairs++;
        additions++;
        if (u_dut.a_slot_ring[place] == watched_q) begin
          held += u_dut.u_ram.a_stage_q[i] + (u_dut.a_double_q[i] ? u_dut.u_ram.a_stage_q[i] : u_dut.a_ring[place]);
          found++;
        end
      end
      if (u_dut.b_pair_q[i] || u_dut.b_meet_q[i]) begin
        additions++;
        if (u_dut.b_slot_ring[place] == watched_q) begin
          held += u_dut.b_ring[place] + (u_dut.b_meet_q[i] ? u_dut.a_ring[place] : u_dut.u_ram.b_stage_q[i]);
          found++;
        end
      end
    end

    // Queue and adder.
    queued = u_dut.u_queue.wr_q - u_dut.u_queue.rd_q;
    for (int i = 0; i < QueueDepth; i++) begin
      if ((PtrW+1)'(i) < queued) begin
        {entry_slot, entry_p, entry_q} = u_dut.u_queue.mem[PtrW'(u_dut.u_queue.rd_q + (PtrW+1)'(i))];
        port_a_pairs++;
        additions++;
        if (entry_slot == watched_q) begin
          held += entry_p + entry_q;
          found++;
        end
      end
    end
    for (int i = 0; i < AddLatency; i++) begin
      if (add_valid_q[i]) begin
        additions++;
        if (add_slot_q[i] == watched_q) begin
          held += add_sum_q[i];
          found++;
        end
      end
    end
  end

  assign ok_conserved = Burst != 0 || !started_q || (held == sum_q && (found != '0) == some_q && (!clearing || !some_q));
  assign ok_accounts = Burst != 0 || !started_q || (queued <= (PtrW+1)'(QueueDepth)
      && 8'(u_dut.reserved_q) == port_a_pairs && port_a_pairs <= 8'(QueueDepth)
      && 16'(u_dut.flight_q) == 16'(additions) && (!clearing || additions == '0)
      && (RamLatency == 1 ? u_dut.ring_q == '0 : 32'(u_dut.ring_q) < RamLatency));

  // A word that the sweep has passed is zero, or will be in this cycle.
  logic passed;
  assign passed   = u_dut.swept_q || u_dut.sweep_q > watched_q;
  assign ok_wiped = Burst != 0 || !started_q || !passed || (u_dut.b1_store_q && u_dut.b1_slot_q == watched_q)
      || u_dut.u_ram.mem[watched_q] == '0;

  // Answers to takes of the watched slot.
  logic   [RamLatency:0] asked_q;   // bit i: asked i + 1 cycles ago
  logic   [RamLatency:0] asked_full_q;
  point_t                asked_sum_q [RamLatency + 1];
  always_ff @(posedge clk_i) begin
    asked_q         <= rst_ni ? (RamLatency+1)'({asked_q, a_fire && a_op == OpTake && a_slot_i == watched_q}) : '0;
    asked_full_q    <= (RamLatency+1)'({asked_full_q, some_q});
    asked_sum_q[0]  <= sum_q;
    for (int i = 1; i <= RamLatency; i++) asked_sum_q[i] <= asked_sum_q[i-1];
  end
  always_comb begin
    ok_taken = 1'b1;
    if (Burst == 0 && started_q && asked_q[0]) begin
      ok_taken = u_dut.a1_take_q && u_dut.a1_slot_q == watched_q && u_dut.a1_full_q == asked_full_q[0]
          && (!asked_full_q[0] || u_dut.u_ram.mem[watched_q] == asked_sum_q[0]);
    end
    for (int i = 0; i < RamLatency; i++) begin
      if (Burst == 0 && started_q && asked_q[i+1]) begin
        ok_taken = ok_taken && u_dut.a_take_q[i] && u_dut.a_full_q[i] == asked_full_q[i+1]
            && (!asked_full_q[i+1] || u_dut.u_ram.a_stage_q[i] == asked_sum_q[i+1]);
      end
    end
    if (Burst == 0 && started_q && asked_q[RamLatency]) begin
      ok_taken = ok_taken && take_valid && take_full == asked_full_q[RamLatency]
          && (!take_full || take_point == asked_sum_q[RamLatency]);
    end
  end

  // A burst within the first Burst cycles after the clearing, then nothing.
  logic [4:0] age_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clearing) age_q <= '0;
    else if (age_q != '1)    age_q <= age_q + 1'b1;
  end
  assign assume_burst = Burst == 0 || ((!started_q || rst_ni) && (!started_q || !a_valid_i || age_q < 5'(Burst)));
  assign ok_drains    = Burst == 0 || !started_q || age_q < 5'(Burst + 14) || drained;

endmodule
