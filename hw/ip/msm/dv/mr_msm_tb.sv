// Pins of `mr_msm` for the C++ testbench: the packed structs taken apart.
module mr_msm_tb
  import mr_job_pkg::*;
#(
  parameter int unsigned WindowBits = 8,
  parameter int unsigned Windows    = 32,
  parameter int unsigned RamLatency = 2,
  parameter int unsigned QueueDepth = 32
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  input  logic         cmd_valid_i,
  output logic         cmd_ready_o,
  input  logic         dump_i,
  input  logic         mont_i,
  input  logic         src0_dev_i,
  input  logic         src1_dev_i,
  input  logic         dst_dev_i,
  input  logic [63:0]  src0_i,
  input  logic [63:0]  src1_i,
  input  logic [63:0]  dst_i,
  input  logic [63:0]  count_i,
  input  logic [63:0]  dst_len_i,

  output logic         sc_req_valid_o,
  input  logic         sc_req_ready_i,
  output logic         sc_req_dev_o,
  output logic [63:0]  sc_req_addr_o,
  output logic [31:0]  sc_req_beats_o,
  input  logic         sc_valid_i,
  output logic         sc_ready_o,
  input  logic         sc_err_i,
  input  logic [511:0] sc_data_i,

  output logic         pt_req_valid_o,
  input  logic         pt_req_ready_i,
  output logic         pt_req_dev_o,
  output logic [63:0]  pt_req_addr_o,
  output logic [31:0]  pt_req_beats_o,
  input  logic         pt_valid_i,
  output logic         pt_ready_o,
  input  logic         pt_err_i,
  input  logic [511:0] pt_data_i,

  output logic         wr_req_valid_o,
  input  logic         wr_req_ready_i,
  output logic         wr_req_dev_o,
  output logic [63:0]  wr_req_addr_o,
  output logic [31:0]  wr_req_beats_o,
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [511:0] wr_data_o,
  input  logic         wr_done_valid_i,
  input  logic         wr_done_err_i,
  input  logic [63:0]  wr_done_addr_i,

  output logic         done_valid_o,
  input  logic         done_ready_i,
  output logic [7:0]   status_o,
  output logic [63:0]  position_o,
  output logic [63:0]  cycles_o,
  output logic [63:0]  stalled_o,
  output logic [63:0]  bubbles_o,
  output logic [63:0]  issued_o,
  output logic [63:0]  digest_o,

  output logic         stat_digits_o,
  output logic         stat_bucket_active_o,
  output logic         stat_adds_o,
  output logic         stat_activity_o,

  input  logic         probe_i,
  output logic [2:0]   residue_o     // a cycle after probe_i: not zero is {what the feeder keeps of scalars, slots, pairs}
);

  cmd_t       cmd;
  dma_req_t   sc_req, pt_req, wr_req;
  dma_beat_t  sc_beat, pt_beat;
  dma_wdone_t wr_done;
  done_t      done;

  always_comb begin
    cmd          = '0;
    cmd.opcode   = 8'd2;
    cmd.dump     = dump_i;
    cmd.mont     = mont_i;
    cmd.src0_dev = src0_dev_i;
    cmd.src1_dev = src1_dev_i;
    cmd.dst_dev  = dst_dev_i;
    cmd.src0     = src0_i;
    cmd.src1     = src1_i;
    cmd.dst      = dst_i;
    cmd.count    = count_i;
    cmd.dst_len  = dst_len_i;
  end

  assign {sc_req_dev_o, sc_req_addr_o, sc_req_beats_o} = {sc_req.dev, sc_req.addr, sc_req.beats};
  assign {pt_req_dev_o, pt_req_addr_o, pt_req_beats_o} = {pt_req.dev, pt_req.addr, pt_req.beats};
  assign {wr_req_dev_o, wr_req_addr_o, wr_req_beats_o} = {wr_req.dev, wr_req.addr, wr_req.beats};
  assign sc_beat = '{err: sc_err_i, data: sc_data_i};
  assign pt_beat = '{err: pt_err_i, data: pt_data_i};
  assign wr_done = '{err: wr_done_err_i, err_addr: wr_done_addr_i};
  assign status_o   = done.status;
  assign position_o = done.position;
  assign cycles_o   = done.cycles;
  assign stalled_o  = done.stalled;
  assign bubbles_o  = done.bubbles;
  assign issued_o   = done.issued;
  assign digest_o   = done.digest;

  mr_msm #(
    .WindowBits(WindowBits),
    .Windows   (Windows),
    .RamLatency(RamLatency),
    .QueueDepth(QueueDepth)
  ) u_dut (
    .clk_i, .rst_ni,
    .cmd_valid_i, .cmd_ready_o, .cmd_i(cmd),
    .sc_req_valid_o, .sc_req_ready_i, .sc_req_o(sc_req), .sc_valid_i, .sc_ready_o, .sc_beat_i(sc_beat),
    .pt_req_valid_o, .pt_req_ready_i, .pt_req_o(pt_req), .pt_valid_i, .pt_ready_o, .pt_beat_i(pt_beat),
    .wr_req_valid_o, .wr_req_ready_i, .wr_req_o(wr_req), .wr_valid_o, .wr_ready_i, .wr_data_o,
    .wr_done_valid_i, .wr_done_i(wr_done),
    .done_valid_o, .done_ready_i, .done_o(done),
    .stat_digits_o, .stat_bucket_active_o, .stat_adds_o, .stat_activity_o
  );

  always_ff @(posedge clk_i) begin
    if (probe_i) begin
      residue_o[2] <= u_dut.u_feeder.u_recode.s1_sum_q != '0 || u_dut.u_feeder.u_recode.s1_k_hi_q != '0
          || u_dut.u_feeder.u_recode.s2_digits_q != '0
          || u_dut.u_feeder.next_digits_q != '0 || u_dut.u_feeder.next_mask_q != '0
          || u_dut.u_feeder.cur_digits_q != '0 || u_dut.u_feeder.cur_mask_q != '0 || u_dut.u_feeder.op_slot_q != '0;
      residue_o[1] <= u_dut.u_slots.a1_point_q != '0 || u_dut.u_slots.b1_point_q != '0;
      for (int i = 0; i < Windows << (WindowBits - 1); i++) if (u_dut.u_slots.u_ram.mem[i] != '0) residue_o[1] <= 1'b1;
      for (int i = 0; i < RamLatency; i++) begin
        if (u_dut.u_slots.a_ring[i] != '0 || u_dut.u_slots.b_ring[i] != '0) residue_o[1] <= 1'b1;
        if (u_dut.u_slots.u_ram.a_stage_q[i] != '0 || u_dut.u_slots.u_ram.b_stage_q[i] != '0) residue_o[1] <= 1'b1;
      end
      residue_o[0] <= 1'b0;
      for (int i = 0; i < QueueDepth; i++) if (u_dut.u_slots.u_queue.mem[i] != '0) residue_o[0] <= 1'b1;
    end
  end

endmodule
