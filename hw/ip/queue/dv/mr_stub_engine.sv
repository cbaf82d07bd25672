// A job for queue tests: reads, waits, writes two beats, completes. dst_len bits 31:0: cycles to wait; bit 63: never end.
//
// The result is the XOR of all beats read, and its complement. Channel 1 may be tied off (Reads = 1).
module mr_stub_engine
  import mr_job_pkg::*;
#(
  parameter int unsigned Reads = 1
) (
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         cmd_valid_i,
  output logic         cmd_ready_o,
  input  cmd_t         cmd_i,
  output logic [1:0]   rd_req_valid_o,
  input  logic [1:0]   rd_req_ready_i,
  output dma_req_t     rd_req_o [2],
  input  logic [1:0]   rd_valid_i,
  output logic [1:0]   rd_ready_o,
  input  dma_beat_t    rd_beat_i [2],
  output logic         wr_req_valid_o,
  input  logic         wr_req_ready_i,
  output dma_req_t     wr_req_o,
  output logic         wr_valid_o,
  input  logic         wr_ready_i,
  output logic [511:0] wr_data_o,
  input  logic         wr_done_valid_i,
  input  dma_wdone_t   wr_done_i,
  output logic         done_valid_o,
  input  logic         done_ready_i,
  output done_t        done_o,
  output logic         active_o
);

  typedef enum logic [2:0] {StIdle, StRead, StWait, StWrite, StEnd, StDone} state_e;
  state_e state_q;
  cmd_t cmd_q;
  logic [1:0] req_q;
  logic [31:0] got_q [2];
  logic [31:0] wait_q;
  logic [511:0] sum_q;
  logic [1:0] sent_q;
  logic wr_req_q;
  done_t done_q;
  logic all;

  assign cmd_ready_o = state_q == StIdle;
  assign rd_req_valid_o = req_q;
  assign rd_req_o[0] = '{dev: cmd_q.src0_dev, addr: cmd_q.src0, beats: cmd_q.count[31:0]};
  assign rd_req_o[1] = '{dev: cmd_q.src1_dev, addr: cmd_q.src1, beats: cmd_q.count[31:0]};
  assign rd_ready_o = {2{state_q == StRead}};
  assign wr_req_valid_o = wr_req_q;
  assign wr_req_o = '{dev: cmd_q.dst_dev, addr: cmd_q.dst, beats: 32'd2};
  assign wr_valid_o = state_q == StWrite;
  assign wr_data_o = sent_q[0] ? ~sum_q : sum_q;
  assign done_valid_o = state_q == StDone;
  assign done_o = done_q;
  assign active_o = state_q == StRead && rd_valid_i != 2'b00;
  assign all = got_q[0] == cmd_q.count[31:0] && (Reads == 1 || got_q[1] == cmd_q.count[31:0]);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      req_q <= '0;
      wr_req_q <= 1'b0;
      cmd_q <= '0;
      got_q[0] <= '0;
      got_q[1] <= '0;
      wait_q <= '0;
      sum_q <= '0;
      sent_q <= '0;
      done_q <= '0;
    end else begin
      req_q <= req_q & ~rd_req_ready_i;
      if (wr_req_ready_i) wr_req_q <= 1'b0;
      done_q.cycles <= done_q.cycles + 64'd1;
      unique case (state_q)
        StIdle: if (cmd_valid_i) begin
          cmd_q <= cmd_i;
          state_q <= StRead;
          req_q <= 2'(Reads == 2 ? 3 : 1);
          got_q[0] <= '0;
          got_q[1] <= '0;
          sum_q <= '0;
          sent_q <= '0;
          wait_q <= cmd_i.dst_len[31:0];
          done_q <= '0;
        end
        StRead: begin
          for (int unsigned i = 0; i < Reads; i++) begin
            if (rd_valid_i[i]) got_q[i] <= got_q[i] + 32'd1;
          end
          sum_q <= sum_q ^ (rd_valid_i[0] ? rd_beat_i[0].data : '0) ^ (rd_valid_i[1] ? rd_beat_i[1].data : '0);
          if (all) state_q <= StWait;
        end
        StWait: begin
          if (wait_q != 32'd0) wait_q <= wait_q - 32'd1;
          else if (!cmd_q.dst_len[63]) begin
            state_q <= StWrite;
            wr_req_q <= 1'b1;
          end
        end
        StWrite: if (wr_ready_i) begin
          sent_q <= {sent_q[0], 1'b1};
          if (sent_q[0]) state_q <= StEnd;
        end
        StEnd: if (wr_done_valid_i) begin
          state_q <= StDone;
          done_q.issued <= cmd_q.count;
          if (wr_done_i.err) begin
            done_q.status <= cmd_q.dst_dev ? CauseMemWrite : CauseHostWrite;
            done_q.position <= wr_done_i.err_addr;
          end
        end
        StDone: if (done_ready_i) state_q <= StIdle;
        default: state_q <= StIdle;
      endcase
    end
  end

endmodule
