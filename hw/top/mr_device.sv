// The device: registers, queues, DMA, engines. Wiring only; docs/spec/device.md says what the host sees.
//
// Read channels (and AXI ids): 0 copy, 1 scalars, 2 bases, 3 values, 4 + q descriptors of queue q (host memory only).
// Write channels: 0 copy, 1 MSM, 2 NTT, 3 + q completions of queue q (host memory only).
module mr_device #(
  /// Bits of an MSM window (c), 2..16.
  parameter int unsigned WindowBits = 8,
  /// Windows of the MSM; WindowBits * Windows >= 255.
  parameter int unsigned Windows = 32,
  /// Log2 of the longest transform.
  parameter int unsigned NttLogMax = 13,
  /// Log2 of the bytes of device memory, 12..63.
  parameter int unsigned LogMemBytes = 26,
  /// Queues, 1..12: each takes an AXI id.
  parameter int unsigned NumQueues = 2,
  /// What BUILD reads; bit 0: the multiplier is a behavioural double.
  parameter logic [31:0] BuildFlags = 32'd0
) (
  input  logic clk_i,
  input  logic rst_ni,
  // AXI4-Lite slave: BAR0.
  input  logic [15:0] s_axil_awaddr, input logic s_axil_awvalid, output logic s_axil_awready,
  input  logic [31:0] s_axil_wdata, input logic [3:0] s_axil_wstrb, input logic s_axil_wvalid, output logic s_axil_wready,
  output logic [1:0] s_axil_bresp, output logic s_axil_bvalid, input logic s_axil_bready,
  input  logic [15:0] s_axil_araddr, input logic s_axil_arvalid, output logic s_axil_arready,
  output logic [31:0] s_axil_rdata, output logic [1:0] s_axil_rresp, output logic s_axil_rvalid, input logic s_axil_rready,
  // AXI4 master: host memory; 64-byte beats, INCR bursts of at most 16 beats that cross no 4 KiB line.
  output logic [3:0] m_host_awid, output logic [63:0] m_host_awaddr, output logic [7:0] m_host_awlen, output logic [2:0] m_host_awsize,
  output logic [1:0] m_host_awburst, output logic m_host_awvalid, input logic m_host_awready,
  output logic [511:0] m_host_wdata, output logic [63:0] m_host_wstrb, output logic m_host_wlast, output logic m_host_wvalid, input logic m_host_wready,
  input logic [3:0] m_host_bid, input logic [1:0] m_host_bresp, input logic m_host_bvalid, output logic m_host_bready,
  output logic [3:0] m_host_arid, output logic [63:0] m_host_araddr, output logic [7:0] m_host_arlen, output logic [2:0] m_host_arsize,
  output logic [1:0] m_host_arburst, output logic m_host_arvalid, input logic m_host_arready,
  input logic [3:0] m_host_rid, input logic [511:0] m_host_rdata, input logic [1:0] m_host_rresp, input logic m_host_rlast, input logic m_host_rvalid, output logic m_host_rready,
  // AXI4 master: device memory; 64-byte beats, INCR bursts of at most 16 beats that cross no 4 KiB line.
  output logic [3:0] m_mem_awid, output logic [63:0] m_mem_awaddr, output logic [7:0] m_mem_awlen, output logic [2:0] m_mem_awsize,
  output logic [1:0] m_mem_awburst, output logic m_mem_awvalid, input logic m_mem_awready,
  output logic [511:0] m_mem_wdata, output logic [63:0] m_mem_wstrb, output logic m_mem_wlast, output logic m_mem_wvalid, input logic m_mem_wready,
  input logic [3:0] m_mem_bid, input logic [1:0] m_mem_bresp, input logic m_mem_bvalid, output logic m_mem_bready,
  output logic [3:0] m_mem_arid, output logic [63:0] m_mem_araddr, output logic [7:0] m_mem_arlen, output logic [2:0] m_mem_arsize,
  output logic [1:0] m_mem_arburst, output logic m_mem_arvalid, input logic m_mem_arready,
  input logic [3:0] m_mem_rid, input logic [511:0] m_mem_rdata, input logic [1:0] m_mem_rresp, input logic m_mem_rlast, input logic m_mem_rvalid, output logic m_mem_rready,
  /// One pulse for every completion that asked for an interrupt, after its write response. Pulses may be merged by who takes them.
  output logic [NumQueues-1:0] irq_o,
  /// A register access, fetch, transfer, job or completion is under way. While it is low, only an access on s_axil changes anything
  /// but the cycle counter.
  output logic busy_o
);

  localparam int unsigned RdCopy = 0, RdScalars = 1, RdBases = 2, RdValues = 3, RdQueue = 4, NumRead = RdQueue + NumQueues;
  localparam int unsigned WrCopy = 0, WrMsm = 1, WrNtt = 2, WrQueue = 3, NumWrite = WrQueue + NumQueues;
  localparam int unsigned NumTargets = mr_queue_pkg::NumTargets;
  // Beats: an engine channel covers 400 cycles of latency at 1 beat in 2 cycles, a queue's two chunks of descriptors.
  localparam int unsigned EngineReadDepth = 256, QueueReadDepth = 16, QueueChunk = 8, WriteDepth = 32;
  localparam int unsigned ResetCycles = 256;

  if (NumQueues < 1 || NumQueues > 12 || LogMemBytes < 12 || LogMemBytes > 63 || WindowBits * Windows < 255) begin : gen_bad
    $error("mr_device: parameter out of range");
  end

  // Registers.
  mr_regs_pkg::global_in_t  global_in;
  mr_regs_pkg::global_out_t global_out;
  mr_regs_pkg::queue_in_t  [NumQueues-1:0] queue_in;
  mr_regs_pkg::queue_out_t [NumQueues-1:0] queue_out;
  logic regs_busy, core_rst_n, resetting, function_reset_done;

  // DMA channels.
  logic [NumRead-1:0] rd_req_valid, rd_req_ready, rd_valid, rd_ready, rd_flush, rd_idle;
  mr_job_pkg::dma_req_t rd_req [NumRead];
  mr_job_pkg::dma_beat_t rd_beat [NumRead];
  mr_axi_pkg::ax_t ar [NumRead];
  logic [NumWrite-1:0] wr_req_valid, wr_req_ready, wr_valid, wr_ready, wr_done_valid, wr_flush, wr_idle;
  mr_job_pkg::dma_req_t wr_req [NumWrite];
  logic [511:0] wr_data [NumWrite];
  mr_job_pkg::dma_wdone_t wr_done [NumWrite];
  mr_axi_pkg::ax_t aw [NumWrite];
  mr_axi_pkg::w_t w [NumWrite];
  logic [NumRead-1:0] host_ar_valid, host_ar_ready, host_r_valid, host_r_ready;
  logic [NumWrite-1:0] host_aw_valid, host_aw_ready, host_w_valid, host_w_ready, host_b_valid, host_b_ready;
  mr_axi_pkg::r_t host_r;
  mr_axi_pkg::b_t host_b;
  mr_axi_pkg::ax_t host_m_ar, host_m_aw;
  mr_axi_pkg::w_t host_m_w;
  logic [NumRead-1:0] mem_ar_valid, mem_ar_ready, mem_r_valid, mem_r_ready;
  logic [NumWrite-1:0] mem_aw_valid, mem_aw_ready, mem_w_valid, mem_w_ready, mem_b_valid, mem_b_ready;
  mr_axi_pkg::r_t mem_r;
  mr_axi_pkg::b_t mem_b;
  mr_axi_pkg::ax_t mem_m_ar, mem_m_aw;
  mr_axi_pkg::w_t mem_m_w;

  // Jobs.
  logic [NumQueues-1:0] job_valid, job_ready, writer_valid, writer_ready, queue_flush, queue_busy;
  mr_queue_pkg::job_t job [NumQueues];
  mr_queue_pkg::job_t slot_job;
  mr_queue_pkg::result_t writer_result;
  mr_queue_pkg::result_t result [NumTargets];
  logic [NumTargets-1:0] slot_valid, slot_ready, result_valid, result_ready, slot_busy;
  // Engines; index mr_queue_pkg::target_e, 0 is not used.
  logic [NumTargets-1:1] cmd_valid, cmd_ready, done_valid, done_ready, reset_done, engine_rst_n, flush;
  mr_job_pkg::cmd_t cmd [NumTargets];
  mr_job_pkg::done_t done [NumTargets];
  logic stat_digits, stat_bucket_active, stat_adds, msm_activity, stat_butterflies, ntt_activity, copy_activity;
  logic core_busy;

  mr_regs #(.NumQueues(NumQueues)) u_regs (
    .clk_i, .rst_ni, .soft_rst_i(resetting),
    .s_axil_awvalid_i(s_axil_awvalid), .s_axil_awready_o(s_axil_awready), .s_axil_awaddr_i(s_axil_awaddr),
    .s_axil_wvalid_i(s_axil_wvalid), .s_axil_wready_o(s_axil_wready), .s_axil_wdata_i(s_axil_wdata), .s_axil_wstrb_i(s_axil_wstrb),
    .s_axil_bvalid_o(s_axil_bvalid), .s_axil_bready_i(s_axil_bready), .s_axil_bresp_o(s_axil_bresp),
    .s_axil_arvalid_i(s_axil_arvalid), .s_axil_arready_o(s_axil_arready), .s_axil_araddr_i(s_axil_araddr),
    .s_axil_rvalid_o(s_axil_rvalid), .s_axil_rready_i(s_axil_rready), .s_axil_rdata_o(s_axil_rdata), .s_axil_rresp_o(s_axil_rresp),
    .global_i(global_in), .global_o(global_out), .queue_i(queue_in), .queue_o(queue_out), .busy_o(regs_busy)
  );

  assign core_busy = slot_busy != '0 || queue_busy != '0 || rd_idle != '1 || wr_idle != '1 || resetting
      || global_out != '0;
  assign busy_o = core_busy || regs_busy || s_axil_awvalid || s_axil_wvalid || s_axil_arvalid || irq_o != '0;

  // Resets.
  assign core_rst_n = rst_ni && !resetting;
  mr_function_reset #(.HoldCycles(ResetCycles)) u_function_reset (
    .clk_i, .rst_ni, .request_i(global_out.ctrl_reset_function), .channels_idle_i(rd_idle == '1 && wr_idle == '1),
    .active_o(resetting), .done_o(function_reset_done)
  );

  // Counters.
  logic [63:0] count [8];
  logic [63:0] cycles, progress;
  logic host_rd, host_wr, mem_rd, mem_wr;
  assign host_rd = m_host_rvalid && m_host_rready;
  assign host_wr = m_host_wvalid && m_host_wready;
  assign mem_rd = m_mem_rvalid && m_mem_rready;
  assign mem_wr = m_mem_wvalid && m_mem_wready;
  mr_counters #(.NumEvents(8), .NumProgress(7)) u_counters (
    .clk_i, .rst_ni, .clear_i(resetting),
    .event_i({mem_wr, mem_rd, host_wr, host_rd, stat_butterflies, stat_adds, stat_bucket_active, stat_digits}),
    .progress_i({mem_wr, mem_rd, host_wr, host_rd, copy_activity, ntt_activity, msm_activity}),
    .cycles_o(cycles), .progress_o(progress), .count_o(count)
  );

  assign global_in = '{
    layout_hash_lo_value: mr_layout_pkg::LayoutHash[31:0],
    layout_hash_hi_value: mr_layout_pkg::LayoutHash[63:32],
    build_behavioural: BuildFlags[0],
    msm_params_window_bits: 8'(WindowBits),
    msm_params_windows: 8'(Windows),
    msm_params_adders: 8'd1,
    ntt_params_log_max: 8'(NttLogMax),
    mem_params_log_bytes: 8'(LogMemBytes),
    queues_count: 8'(NumQueues),
    ctrl_reset_function_clr: function_reset_done,
    ctrl_reset_msm_clr: reset_done[mr_queue_pkg::TargetMsm],
    ctrl_reset_ntt_clr: reset_done[mr_queue_pkg::TargetNtt],
    ctrl_reset_copy_clr: reset_done[mr_queue_pkg::TargetCopy],
    status_busy: core_busy,
    status_resetting: global_out != '0,
    cycles: cycles,
    progress: progress,
    stat_msm_digits: count[0],
    stat_msm_bucket_cycles: count[1],
    stat_msm_adds: count[2],
    stat_ntt_butterflies: count[3],
    stat_host_rd_beats: count[4],
    stat_host_wr_beats: count[5],
    stat_mem_rd_beats: count[6],
    stat_mem_wr_beats: count[7]
  };

  // Read channels.
  for (genvar i = 0; i < NumRead; i++) begin : gen_read
    logic [1:0] ar_valid;
    assign {mem_ar_valid[i], host_ar_valid[i]} = ar_valid;
    mr_dma_read #(.Depth(i < RdQueue ? EngineReadDepth : QueueReadDepth)) u_read (
      .clk_i, .rst_ni,
      .req_valid_i(rd_req_valid[i]), .req_ready_o(rd_req_ready[i]), .req_i(rd_req[i]),
      .valid_o(rd_valid[i]), .ready_i(rd_ready[i]), .beat_o(rd_beat[i]),
      .flush_i(rd_flush[i]), .idle_o(rd_idle[i]),
      .ar_valid_o(ar_valid), .ar_ready_i({mem_ar_ready[i], host_ar_ready[i]}), .ar_o(ar[i]),
      .r_valid_i({mem_r_valid[i], host_r_valid[i]}), .r_ready_o({mem_r_ready[i], host_r_ready[i]}), .host_r_i(host_r), .mem_r_i(mem_r)
    );
  end
  assign rd_flush[RdCopy] = resetting || flush[mr_queue_pkg::TargetCopy];
  assign rd_flush[RdScalars] = resetting || flush[mr_queue_pkg::TargetMsm];
  assign rd_flush[RdBases] = resetting || flush[mr_queue_pkg::TargetMsm];
  assign rd_flush[RdValues] = resetting || flush[mr_queue_pkg::TargetNtt];
  assign rd_flush[NumRead-1:RdQueue] = {NumQueues{resetting}} | queue_flush;

  // Write channels.
  for (genvar i = 0; i < NumWrite; i++) begin : gen_write
    mr_dma_write #(.Depth(WriteDepth)) u_write (
      .clk_i, .rst_ni,
      .req_valid_i(wr_req_valid[i]), .req_ready_o(wr_req_ready[i]), .req_i(wr_req[i]),
      .valid_i(wr_valid[i]), .ready_o(wr_ready[i]), .data_i(wr_data[i]),
      .done_valid_o(wr_done_valid[i]), .done_o(wr_done[i]),
      .flush_i(wr_flush[i]), .idle_o(wr_idle[i]),
      .aw_valid_o({mem_aw_valid[i], host_aw_valid[i]}), .aw_ready_i({mem_aw_ready[i], host_aw_ready[i]}), .aw_o(aw[i]),
      .w_valid_o({mem_w_valid[i], host_w_valid[i]}), .w_ready_i({mem_w_ready[i], host_w_ready[i]}), .w_o(w[i]),
      .b_valid_i({mem_b_valid[i], host_b_valid[i]}), .b_ready_o({mem_b_ready[i], host_b_ready[i]}), .host_b_i(host_b), .mem_b_i(mem_b)
    );
  end
  assign wr_flush[WrCopy] = resetting || flush[mr_queue_pkg::TargetCopy];
  assign wr_flush[WrMsm] = resetting || flush[mr_queue_pkg::TargetMsm];
  assign wr_flush[WrNtt] = resetting || flush[mr_queue_pkg::TargetNtt];
  assign wr_flush[NumWrite-1:WrQueue] = {NumQueues{resetting}};

  // m_host: one read and one write multiplexer.
  mr_axi_rmux #(.N(NumRead)) u_host_rmux (
    .clk_i, .rst_ni,
    .ar_valid_i(host_ar_valid), .ar_ready_o(host_ar_ready), .ar_i(ar),
    .r_valid_o(host_r_valid), .r_ready_i(host_r_ready), .r_o(host_r),
    .m_ar_valid_o(m_host_arvalid), .m_ar_ready_i(m_host_arready), .m_ar_o(host_m_ar),
    .m_r_valid_i(m_host_rvalid), .m_r_ready_o(m_host_rready),
    .m_r_i('{id: m_host_rid, data: m_host_rdata, resp: m_host_rresp, last: m_host_rlast})
  );
  mr_axi_wmux #(.N(NumWrite)) u_host_wmux (
    .clk_i, .rst_ni,
    .aw_valid_i(host_aw_valid), .aw_ready_o(host_aw_ready), .aw_i(aw),
    .w_valid_i(host_w_valid), .w_ready_o(host_w_ready), .w_i(w),
    .b_valid_o(host_b_valid), .b_ready_i(host_b_ready), .b_o(host_b),
    .m_aw_valid_o(m_host_awvalid), .m_aw_ready_i(m_host_awready), .m_aw_o(host_m_aw),
    .m_w_valid_o(m_host_wvalid), .m_w_ready_i(m_host_wready), .m_w_o(host_m_w),
    .m_b_valid_i(m_host_bvalid), .m_b_ready_o(m_host_bready), .m_b_i('{id: m_host_bid, resp: m_host_bresp})
  );
  assign {m_host_arid, m_host_araddr, m_host_arlen} = host_m_ar;
  assign {m_host_awid, m_host_awaddr, m_host_awlen} = host_m_aw;
  assign {m_host_wdata, m_host_wstrb, m_host_wlast} = host_m_w;
  assign m_host_arsize = 3'd6;
  assign m_host_awsize = 3'd6;
  assign m_host_arburst = 2'b01;
  assign m_host_awburst = 2'b01;

  // m_mem: one read and one write multiplexer.
  mr_axi_rmux #(.N(NumRead)) u_mem_rmux (
    .clk_i, .rst_ni,
    .ar_valid_i(mem_ar_valid), .ar_ready_o(mem_ar_ready), .ar_i(ar),
    .r_valid_o(mem_r_valid), .r_ready_i(mem_r_ready), .r_o(mem_r),
    .m_ar_valid_o(m_mem_arvalid), .m_ar_ready_i(m_mem_arready), .m_ar_o(mem_m_ar),
    .m_r_valid_i(m_mem_rvalid), .m_r_ready_o(m_mem_rready),
    .m_r_i('{id: m_mem_rid, data: m_mem_rdata, resp: m_mem_rresp, last: m_mem_rlast})
  );
  mr_axi_wmux #(.N(NumWrite)) u_mem_wmux (
    .clk_i, .rst_ni,
    .aw_valid_i(mem_aw_valid), .aw_ready_o(mem_aw_ready), .aw_i(aw),
    .w_valid_i(mem_w_valid), .w_ready_o(mem_w_ready), .w_i(w),
    .b_valid_o(mem_b_valid), .b_ready_i(mem_b_ready), .b_o(mem_b),
    .m_aw_valid_o(m_mem_awvalid), .m_aw_ready_i(m_mem_awready), .m_aw_o(mem_m_aw),
    .m_w_valid_o(m_mem_wvalid), .m_w_ready_i(m_mem_wready), .m_w_o(mem_m_w),
    .m_b_valid_i(m_mem_bvalid), .m_b_ready_o(m_mem_bready), .m_b_i('{id: m_mem_bid, resp: m_mem_bresp})
  );
  assign {m_mem_arid, m_mem_araddr, m_mem_arlen} = mem_m_ar;
  assign {m_mem_awid, m_mem_awaddr, m_mem_awlen} = mem_m_aw;
  assign {m_mem_wdata, m_mem_wstrb, m_mem_wlast} = mem_m_w;
  assign m_mem_arsize = 3'd6;
  assign m_mem_awsize = 3'd6;
  assign m_mem_arburst = 2'b01;
  assign m_mem_awburst = 2'b01;

  // Queues and dispatch.
  for (genvar q = 0; q < NumQueues; q++) begin : gen_queue
    mr_queue #(.Index(q), .ChunkEntries(QueueChunk)) u_queue (
      .clk_i, .rst_ni(core_rst_n), .regs_i(queue_out[q]), .regs_o(queue_in[q]),
      .rd_req_valid_o(rd_req_valid[RdQueue+q]), .rd_req_ready_i(rd_req_ready[RdQueue+q]), .rd_req_o(rd_req[RdQueue+q]),
      .rd_valid_i(rd_valid[RdQueue+q]), .rd_ready_o(rd_ready[RdQueue+q]), .rd_beat_i(rd_beat[RdQueue+q]),
      .rd_flush_o(queue_flush[q]), .rd_idle_i(rd_idle[RdQueue+q]),
      .wr_req_valid_o(wr_req_valid[WrQueue+q]), .wr_req_ready_i(wr_req_ready[WrQueue+q]), .wr_req_o(wr_req[WrQueue+q]),
      .wr_valid_o(wr_valid[WrQueue+q]), .wr_ready_i(wr_ready[WrQueue+q]), .wr_data_o(wr_data[WrQueue+q]),
      .wr_done_valid_i(wr_done_valid[WrQueue+q]), .wr_done_i(wr_done[WrQueue+q]),
      .job_valid_o(job_valid[q]), .job_ready_i(job_ready[q]), .job_o(job[q]),
      .result_valid_i(writer_valid[q]), .result_ready_o(writer_ready[q]), .result_i(writer_result),
      .irq_o(irq_o[q]), .busy_o(queue_busy[q])
    );
  end

  mr_dispatch #(.NumQueues(NumQueues)) u_dispatch (
    .clk_i, .rst_ni(core_rst_n),
    .job_valid_i(job_valid), .job_ready_o(job_ready), .job_i(job),
    .slot_valid_o(slot_valid), .slot_ready_i(slot_ready), .slot_job_o(slot_job),
    .result_valid_i(result_valid), .result_ready_o(result_ready), .result_i(result),
    .writer_valid_o(writer_valid), .writer_ready_i(writer_ready), .writer_result_o(writer_result)
  );

  mr_null_slot u_null_slot (
    .clk_i, .rst_ni(core_rst_n),
    .job_valid_i(slot_valid[mr_queue_pkg::TargetNone]), .job_ready_o(slot_ready[mr_queue_pkg::TargetNone]), .job_i(slot_job),
    .result_valid_o(result_valid[mr_queue_pkg::TargetNone]), .result_ready_i(result_ready[mr_queue_pkg::TargetNone]),
    .result_o(result[mr_queue_pkg::TargetNone]), .busy_o(slot_busy[mr_queue_pkg::TargetNone])
  );
  mr_job_slot #(.HoldCycles(ResetCycles)) u_copy_slot (
    .clk_i, .rst_ni(core_rst_n),
    .job_valid_i(slot_valid[mr_queue_pkg::TargetCopy]), .job_ready_o(slot_ready[mr_queue_pkg::TargetCopy]), .job_i(slot_job),
    .result_valid_o(result_valid[mr_queue_pkg::TargetCopy]), .result_ready_i(result_ready[mr_queue_pkg::TargetCopy]), .result_o(result[mr_queue_pkg::TargetCopy]),
    .cmd_valid_o(cmd_valid[mr_queue_pkg::TargetCopy]), .cmd_ready_i(cmd_ready[mr_queue_pkg::TargetCopy]), .cmd_o(cmd[mr_queue_pkg::TargetCopy]),
    .done_valid_i(done_valid[mr_queue_pkg::TargetCopy]), .done_ready_o(done_ready[mr_queue_pkg::TargetCopy]), .done_i(done[mr_queue_pkg::TargetCopy]),
    .reset_i(global_out.ctrl_reset_copy), .reset_done_o(reset_done[mr_queue_pkg::TargetCopy]),
    .engine_rst_no(engine_rst_n[mr_queue_pkg::TargetCopy]), .flush_o(flush[mr_queue_pkg::TargetCopy]), .channels_idle_i(rd_idle[RdCopy] && wr_idle[WrCopy]),
    .busy_o(slot_busy[mr_queue_pkg::TargetCopy])
  );
  mr_job_slot #(.HoldCycles(ResetCycles)) u_msm_slot (
    .clk_i, .rst_ni(core_rst_n),
    .job_valid_i(slot_valid[mr_queue_pkg::TargetMsm]), .job_ready_o(slot_ready[mr_queue_pkg::TargetMsm]), .job_i(slot_job),
    .result_valid_o(result_valid[mr_queue_pkg::TargetMsm]), .result_ready_i(result_ready[mr_queue_pkg::TargetMsm]), .result_o(result[mr_queue_pkg::TargetMsm]),
    .cmd_valid_o(cmd_valid[mr_queue_pkg::TargetMsm]), .cmd_ready_i(cmd_ready[mr_queue_pkg::TargetMsm]), .cmd_o(cmd[mr_queue_pkg::TargetMsm]),
    .done_valid_i(done_valid[mr_queue_pkg::TargetMsm]), .done_ready_o(done_ready[mr_queue_pkg::TargetMsm]), .done_i(done[mr_queue_pkg::TargetMsm]),
    .reset_i(global_out.ctrl_reset_msm), .reset_done_o(reset_done[mr_queue_pkg::TargetMsm]),
    .engine_rst_no(engine_rst_n[mr_queue_pkg::TargetMsm]), .flush_o(flush[mr_queue_pkg::TargetMsm]), .channels_idle_i(rd_idle[RdScalars] && rd_idle[RdBases] && wr_idle[WrMsm]),
    .busy_o(slot_busy[mr_queue_pkg::TargetMsm])
  );
  mr_job_slot #(.HoldCycles(ResetCycles)) u_ntt_slot (
    .clk_i, .rst_ni(core_rst_n),
    .job_valid_i(slot_valid[mr_queue_pkg::TargetNtt]), .job_ready_o(slot_ready[mr_queue_pkg::TargetNtt]), .job_i(slot_job),
    .result_valid_o(result_valid[mr_queue_pkg::TargetNtt]), .result_ready_i(result_ready[mr_queue_pkg::TargetNtt]), .result_o(result[mr_queue_pkg::TargetNtt]),
    .cmd_valid_o(cmd_valid[mr_queue_pkg::TargetNtt]), .cmd_ready_i(cmd_ready[mr_queue_pkg::TargetNtt]), .cmd_o(cmd[mr_queue_pkg::TargetNtt]),
    .done_valid_i(done_valid[mr_queue_pkg::TargetNtt]), .done_ready_o(done_ready[mr_queue_pkg::TargetNtt]), .done_i(done[mr_queue_pkg::TargetNtt]),
    .reset_i(global_out.ctrl_reset_ntt), .reset_done_o(reset_done[mr_queue_pkg::TargetNtt]),
    .engine_rst_no(engine_rst_n[mr_queue_pkg::TargetNtt]), .flush_o(flush[mr_queue_pkg::TargetNtt]), .channels_idle_i(rd_idle[RdValues] && wr_idle[WrNtt]),
    .busy_o(slot_busy[mr_queue_pkg::TargetNtt])
  );

  // Engines.
  mr_copy u_copy (
    .clk_i, .rst_ni(engine_rst_n[mr_queue_pkg::TargetCopy]),
    .cmd_valid_i(cmd_valid[mr_queue_pkg::TargetCopy]), .cmd_ready_o(cmd_ready[mr_queue_pkg::TargetCopy]), .cmd_i(cmd[mr_queue_pkg::TargetCopy]),
    .done_valid_o(done_valid[mr_queue_pkg::TargetCopy]), .done_ready_i(done_ready[mr_queue_pkg::TargetCopy]), .done_o(done[mr_queue_pkg::TargetCopy]),
    .rd_req_valid_o(rd_req_valid[RdCopy]), .rd_req_ready_i(rd_req_ready[RdCopy]), .rd_req_o(rd_req[RdCopy]),
    .rd_valid_i(rd_valid[RdCopy]), .rd_ready_o(rd_ready[RdCopy]), .rd_beat_i(rd_beat[RdCopy]),
    .wr_req_valid_o(wr_req_valid[WrCopy]), .wr_req_ready_i(wr_req_ready[WrCopy]), .wr_req_o(wr_req[WrCopy]),
    .wr_valid_o(wr_valid[WrCopy]), .wr_ready_i(wr_ready[WrCopy]), .wr_data_o(wr_data[WrCopy]),
    .wr_done_valid_i(wr_done_valid[WrCopy]), .wr_done_i(wr_done[WrCopy]),
    .stat_activity_o(copy_activity)
  );
  mr_msm #(.WindowBits(WindowBits), .Windows(Windows)) u_msm (
    .clk_i, .rst_ni(engine_rst_n[mr_queue_pkg::TargetMsm]),
    .cmd_valid_i(cmd_valid[mr_queue_pkg::TargetMsm]), .cmd_ready_o(cmd_ready[mr_queue_pkg::TargetMsm]), .cmd_i(cmd[mr_queue_pkg::TargetMsm]),
    .done_valid_o(done_valid[mr_queue_pkg::TargetMsm]), .done_ready_i(done_ready[mr_queue_pkg::TargetMsm]), .done_o(done[mr_queue_pkg::TargetMsm]),
    .sc_req_valid_o(rd_req_valid[RdScalars]), .sc_req_ready_i(rd_req_ready[RdScalars]), .sc_req_o(rd_req[RdScalars]),
    .sc_valid_i(rd_valid[RdScalars]), .sc_ready_o(rd_ready[RdScalars]), .sc_beat_i(rd_beat[RdScalars]),
    .pt_req_valid_o(rd_req_valid[RdBases]), .pt_req_ready_i(rd_req_ready[RdBases]), .pt_req_o(rd_req[RdBases]),
    .pt_valid_i(rd_valid[RdBases]), .pt_ready_o(rd_ready[RdBases]), .pt_beat_i(rd_beat[RdBases]),
    .wr_req_valid_o(wr_req_valid[WrMsm]), .wr_req_ready_i(wr_req_ready[WrMsm]), .wr_req_o(wr_req[WrMsm]),
    .wr_valid_o(wr_valid[WrMsm]), .wr_ready_i(wr_ready[WrMsm]), .wr_data_o(wr_data[WrMsm]),
    .wr_done_valid_i(wr_done_valid[WrMsm]), .wr_done_i(wr_done[WrMsm]),
    .stat_digits_o(stat_digits), .stat_bucket_active_o(stat_bucket_active), .stat_adds_o(stat_adds),
    .stat_activity_o(msm_activity)
  );
  mr_ntt #(.LogMax(NttLogMax)) u_ntt (
    .clk_i, .rst_ni(engine_rst_n[mr_queue_pkg::TargetNtt]),
    .cmd_valid_i(cmd_valid[mr_queue_pkg::TargetNtt]), .cmd_ready_o(cmd_ready[mr_queue_pkg::TargetNtt]), .cmd_i(cmd[mr_queue_pkg::TargetNtt]),
    .done_valid_o(done_valid[mr_queue_pkg::TargetNtt]), .done_ready_i(done_ready[mr_queue_pkg::TargetNtt]), .done_o(done[mr_queue_pkg::TargetNtt]),
    .rd_req_valid_o(rd_req_valid[RdValues]), .rd_req_ready_i(rd_req_ready[RdValues]), .rd_req_o(rd_req[RdValues]),
    .rd_valid_i(rd_valid[RdValues]), .rd_ready_o(rd_ready[RdValues]), .rd_beat_i(rd_beat[RdValues]),
    .wr_req_valid_o(wr_req_valid[WrNtt]), .wr_req_ready_i(wr_req_ready[WrNtt]), .wr_req_o(wr_req[WrNtt]),
    .wr_valid_o(wr_valid[WrNtt]), .wr_ready_i(wr_ready[WrNtt]), .wr_data_o(wr_data[WrNtt]),
    .wr_done_valid_i(wr_done_valid[WrNtt]), .wr_done_i(wr_done[WrNtt]),
    .stat_butterflies_o(stat_butterflies), .stat_activity_o(ntt_activity)
  );

endmodule
