// Load: beats of two values into the value memory, range check, first error.
//
// Takes exactly `pairs` beats after `start_i`, also after an error, and writes one pair a beat (a value out of range is written cut to 254
// bits: the engine clears the memory after an error). The first error wins: VALUE_RANGE with the index of the value, or the read
// error with the address of the beat. `done_o` is one cycle, when the last pair is in the memory; status and position are then final.
module mr_ntt_load #(
  parameter int unsigned LogMax = 13
) (
  input  logic                        clk_i,
  input  logic                        rst_ni,

  input  logic                        start_i,
  input  logic [$clog2(LogMax+1)-1:0] log_n_i,
  input  logic                        reverse_i,
  input  logic                        src_dev_i,
  input  logic [63:0]                 src_i,

  input  logic                        rd_valid_i,
  output logic                        rd_ready_o,
  input  mr_job_pkg::dma_beat_t       rd_beat_i,

  output logic                        wr_valid_o,
  output logic [LogMax-1:0]           wr_a_o,
  output logic [LogMax-1:0]           wr_b_o,
  output logic [253:0]                wr_a_data_o,
  output logic [253:0]                wr_b_data_o,

  output logic                        done_o,
  output mr_job_pkg::cause_e          status_o,
  output logic [63:0]                 position_o
);

  import mr_job_pkg::*;

  localparam logic [255:0] R = {2'b00, mr_field_pkg::R};

  logic              busy_q, valid_q, last_q;
  logic [LogMax-2:0] pair_q, beat_pair_q;
  dma_beat_t         beat_q;
  logic              last, a_bad, b_bad;

  assign rd_ready_o = busy_q;
  assign last       = pair_q == (LogMax-1)'((LogMax+1)'(1) << log_n_i >> 1) - 1'b1;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      valid_q <= 1'b0;
      last_q  <= 1'b0;
    end else begin
      valid_q <= busy_q && rd_valid_i;
      last_q  <= busy_q && rd_valid_i && last;
      if (start_i) begin
        busy_q <= 1'b1;
        pair_q <= '0;
      end else if (busy_q && rd_valid_i) begin
        busy_q <= !last;
        pair_q <= pair_q + 1'b1;
      end
    end
    if (busy_q && rd_valid_i) begin
      beat_q      <= rd_beat_i;
      beat_pair_q <= pair_q;
    end
  end

  mr_ntt_order #(.LogMax(LogMax)) u_order (
    .log_n_i, .reverse_i, .pair_i(beat_pair_q), .a_o(wr_a_o), .b_o(wr_b_o)
  );
  assign wr_valid_o  = valid_q;
  assign wr_a_data_o = beat_q.data[253:0];
  assign wr_b_data_o = beat_q.data[509:256];

  assign a_bad = beat_q.data[255:0] >= R;
  assign b_bad = beat_q.data[511:256] >= R;

  always_ff @(posedge clk_i) begin
    done_o <= rst_ni && last_q;
    if (start_i) begin
      status_o   <= CauseOk;
      position_o <= '0;
    end else if (valid_q && status_o == CauseOk) begin
      if (beat_q.err) begin
        status_o   <= src_dev_i ? CauseMemRead : CauseHostRead;
        position_o <= src_i + {64'(beat_pair_q) << 6};
      end else if (a_bad || b_bad) begin
        status_o   <= CauseValueRange;
        position_o <= 64'({beat_pair_q, !a_bad});
      end
    end
  end

endmodule
