// The device: registers, queues, DMA, engines. Wiring only; docs/spec/device.md says what the host sees.
module mr_device #(
  /// Bits of an MSM window (c), 2..16.
  parameter int unsigned WindowBits = 8,
  /// Windows of the MSM; WindowBits * Windows >= 255.
  parameter int unsigned Windows = 32,
  /// Log2 of the longest transform.
  parameter int unsigned NttLogMax = 13,
  /// Log2 of the bytes of device memory, 12..63.
  parameter int unsigned LogMemBytes = 26,
  /// Queues, 1..15.
  parameter int unsigned NumQueues = 1,
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

endmodule
