// The engine with a probe that tells whether any value is left in its memory.
module mr_ntt_tb #(
  parameter int unsigned LogMax = 6
) (
  input  logic                   clk_i,
  input  logic                   rst_ni,
  input  logic                   cmd_valid_i,
  output logic                   cmd_ready_o,
  input  mr_job_pkg::cmd_t       cmd_i,
  output logic                   rd_req_valid_o,
  input  logic                   rd_req_ready_i,
  output mr_job_pkg::dma_req_t   rd_req_o,
  input  logic                   rd_valid_i,
  output logic                   rd_ready_o,
  input  mr_job_pkg::dma_beat_t  rd_beat_i,
  output logic                   wr_req_valid_o,
  input  logic                   wr_req_ready_i,
  output mr_job_pkg::dma_req_t   wr_req_o,
  output logic                   wr_valid_o,
  input  logic                   wr_ready_i,
  output logic [511:0]           wr_data_o,
  input  logic                   wr_done_valid_i,
  input  mr_job_pkg::dma_wdone_t wr_done_i,
  output logic                   done_valid_o,
  input  logic                   done_ready_i,
  output mr_job_pkg::done_t      done_o,
  output logic                   stat_butterflies_o,
  output logic                   stat_activity_o,

  output logic [31:0]            log_max_o,
  input  logic                   probe_i,
  output logic                   residue_o     // a cycle after probe_i
);

  mr_ntt #(.LogMax(LogMax)) u_dut (.*);

  assign log_max_o = LogMax;

  always_ff @(posedge clk_i) begin
    if (probe_i) begin
      residue_o <= 1'b0;
      for (int i = 0; i < 1 << (LogMax - 1); i++) begin
        if (u_dut.u_mem.even[i] != '0 || u_dut.u_mem.odd[i] != '0) residue_o <= 1'b1;
      end
    end
  end

endmodule
