// Writes points as results: two beats a point, X and Y, then Z and zeros (docs/spec/device.md), and the digest over them.
//
// A job's result is one point; an empty slot is written as infinity (0 : 1 : 0). A dump is `NumSlots` points in slot order; there an
// empty slot is all zeros. `done_o` rises when all write responses have come; error and digest then hold until `start_i`.
//
// Throughput: one beat a cycle, a point every two cycles.
module mr_msm_result
  import mr_job_pkg::*;
  import mr_msm_pkg::*;
  import mr_curve_pkg::point_t;
#(
  /// Slots of a dump.
  parameter int unsigned NumSlots = 1024
) (
  input  logic        clk_i,
  input  logic        rst_ni,

  input  logic        start_i,
  input  cmd_t        cmd_i,        // stable from `start_i` to `done_o`
  output logic        done_o,       // idle
  output logic        waiting_o,    // the write channel or a response is waited for
  output logic        error_o,
  output logic [63:0] err_addr_o,
  output logic [63:0] digest_o,

  input  logic        in_valid_i,
  output logic        in_ready_o,
  input  logic        in_full_i,
  input  point_t      in_point_i,

  output logic        wr_req_valid_o,
  input  logic        wr_req_ready_i,
  output dma_req_t    wr_req_o,
  output logic        wr_valid_o,
  input  logic        wr_ready_i,
  output logic [511:0] wr_data_o,
  input  logic        wr_done_valid_i,
  input  dma_wdone_t  wr_done_i
);

  localparam logic [31:0] DumpBeats = 32'(2 * NumSlots);

  logic unused_cmd;   // fields that other parts of the engine use
  assign unused_cmd = ^cmd_i;

  logic        busy_q, req_q, second_q, error_q;
  logic [31:0] left_q;      // beats still to be handed to the channel
  logic [63:0] err_addr_q, digest_q;
  point_t      point;

  always_comb begin
    point = in_point_i;
    if (!in_full_i) point = cmd_i.dump ? point_t'('0) : mr_curve_pkg::Infinity;
  end

  assign wr_req_valid_o = req_q;
  assign wr_req_o       = '{dev: cmd_i.dst_dev, addr: cmd_i.dst, beats: cmd_i.dump ? DumpBeats : 32'd2};
  assign wr_valid_o     = busy_q && !req_q && in_valid_i && left_q != '0;
  assign wr_data_o      = second_q ? {258'd0, point.z} : {2'd0, point.y, 2'd0, point.x};
  assign in_ready_o     = wr_valid_o && wr_ready_i && second_q;

  assign done_o     = !busy_q;
  assign waiting_o  = busy_q && (left_q == '0 || (in_valid_i && !(wr_valid_o && wr_ready_i)));
  assign error_o    = error_q;
  assign err_addr_o = err_addr_q;
  assign digest_o   = digest_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q   <= 1'b0;
      req_q    <= 1'b0;
      second_q <= 1'b0;
      left_q   <= '0;
      error_q  <= 1'b0;
    end else if (!busy_q) begin
      if (start_i) begin
        busy_q   <= 1'b1;
        req_q    <= 1'b1;
        second_q <= 1'b0;
        left_q   <= cmd_i.dump ? DumpBeats : 32'd2;
        error_q  <= 1'b0;
      end
    end else begin
      if (wr_req_ready_i) req_q <= 1'b0;
      if (wr_valid_o && wr_ready_i) begin
        second_q <= !second_q;
        left_q   <= left_q - 1'b1;
      end
      if (wr_done_valid_i) begin
        busy_q  <= 1'b0;
        error_q <= wr_done_i.err;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i && !busy_q) digest_q <= '0;
    else if (wr_valid_o && wr_ready_i) digest_q <= digest_beat(digest_q, wr_data_o);
    if (wr_done_valid_i) err_addr_q <= wr_done_i.err_addr;
  end

  assert property (@(posedge clk_i) disable iff (!rst_ni) start_i |-> done_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni) wr_done_valid_i |-> (busy_q && left_q == '0));
  assert property (@(posedge clk_i) disable iff (!rst_ni) (wr_req_valid_o && !wr_req_ready_i) |=> wr_req_valid_o);
  assert property (@(posedge clk_i) disable iff (!rst_ni)
    (wr_valid_o && !wr_ready_i) |=> (wr_valid_o && $stable(wr_data_o)));

endmodule
