// Copy engine: moves `count` bytes from src0 to dst, one beat a cycle at best, and takes their digest.
//
// count is a multiple of 64 in 0..2^38 - 64, else BAD_DESCRIPTOR at 32; dst_len below count is BAD_LENGTH. After a read error the copy
// runs to its end with zeros in place of the bad beats, so that both channels are empty; the first read error is reported, else the first
// write error.
// Digest: d = rotl(d, 1) ^ w0 ^ rotl(w1, 8) ^ ... ^ rotl(w7, 56) for each beat, from d = 0.
//
// One job at a time; a cycle per state besides the transfer. stalled: cycles of the transfer without a beat; bubbles: none.
module mr_copy
  import mr_job_pkg::*;
(
  input  logic         clk_i,
  input  logic         rst_ni,
  input  logic         cmd_valid_i,
  output logic         cmd_ready_o,
  input  cmd_t         cmd_i,
  output logic         rd_req_valid_o,
  input  logic         rd_req_ready_i,
  output dma_req_t     rd_req_o,
  input  logic         rd_valid_i,
  output logic         rd_ready_o,
  input  dma_beat_t    rd_beat_i,
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
  /// A beat was moved.
  output logic         stat_activity_o
);

  typedef enum logic [1:0] {
    StIdle,
    StCheck,
    StMove,
    StDone
  } state_e;

  state_e      state_q;
  logic        src_dev_q, dst_dev_q, rd_req_q, wr_req_q;
  logic [63:0] src_q, dst_q, count_q, dst_len_q;
  logic [31:0] moved_q;
  done_t       done_q;

  logic        bad_count, move;
  logic [31:0] beats;
  logic        unused_cmd;

  assign bad_count = count_q[5:0] != 6'd0 || count_q[63:38] != 26'd0;
  assign beats = count_q[37:6];
  assign unused_cmd = ^{cmd_i.opcode, cmd_i.src1_dev, cmd_i.dump, cmd_i.inverse, cmd_i.coset, cmd_i.mont, cmd_i.log_n, cmd_i.src1};

  assign cmd_ready_o = state_q == StIdle;
  assign rd_req_valid_o = rd_req_q;
  assign rd_req_o = '{dev: src_dev_q, addr: src_q, beats: beats};
  assign wr_req_valid_o = wr_req_q;
  assign wr_req_o = '{dev: dst_dev_q, addr: dst_q, beats: beats};
  assign wr_valid_o = state_q == StMove && rd_valid_i;
  assign rd_ready_o = state_q == StMove && wr_ready_i;
  assign wr_data_o = rd_beat_i.data;
  assign move = wr_valid_o && wr_ready_i;
  assign done_valid_o = state_q == StDone;
  assign done_o = done_q;
  assign stat_activity_o = move;

  function automatic logic [63:0] rotl(logic [63:0] w, int unsigned by);
    return by == 0 ? w : (w << by) | (w >> (64 - by));
  endfunction

  function automatic logic [63:0] digest_next(logic [63:0] d, logic [511:0] beat);
    logic [63:0] next;
    next = rotl(d, 1);
    for (int unsigned i = 0; i < 8; i++) next ^= rotl(beat[64*i+:64], 8 * i);
    return next;
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StIdle;
      rd_req_q <= 1'b0;
      wr_req_q <= 1'b0;
      src_dev_q <= 1'b0;
      dst_dev_q <= 1'b0;
      src_q <= '0;
      dst_q <= '0;
      count_q <= '0;
      dst_len_q <= '0;
      moved_q <= '0;
      done_q <= '0;
    end else begin
      if (rd_req_ready_i) rd_req_q <= 1'b0;
      if (wr_req_ready_i) wr_req_q <= 1'b0;
      if (state_q == StCheck || state_q == StMove) done_q.cycles <= done_q.cycles + 64'd1;
      unique case (state_q)
        StIdle: if (cmd_valid_i) begin
          state_q <= StCheck;
          src_dev_q <= cmd_i.src0_dev;
          dst_dev_q <= cmd_i.dst_dev;
          src_q <= cmd_i.src0;
          dst_q <= cmd_i.dst;
          count_q <= cmd_i.count;
          dst_len_q <= cmd_i.dst_len;
          moved_q <= '0;
          done_q <= '0;
        end
        StCheck: begin
          if (bad_count) begin
            state_q <= StDone;
            done_q.status <= CauseBadDescriptor;
            done_q.position <= 64'd32;
          end else if (dst_len_q < count_q) begin
            state_q <= StDone;
            done_q.status <= CauseBadLength;
            done_q.position <= count_q;
          end else if (beats == 32'd0) begin
            state_q <= StDone;
          end else begin
            state_q <= StMove;
            rd_req_q <= 1'b1;
            wr_req_q <= 1'b1;
          end
        end
        StMove: begin
          if (move) begin
            moved_q <= moved_q + 32'd1;
            done_q.digest <= digest_next(done_q.digest, rd_beat_i.data);
            done_q.issued <= done_q.issued + 64'd1;
            if (rd_beat_i.err && done_q.status == CauseOk) begin
              done_q.status <= src_dev_q ? CauseMemRead : CauseHostRead;
              done_q.position <= src_q + {26'd0, moved_q, 6'd0};
            end
          end else begin
            done_q.stalled <= done_q.stalled + 64'd1;
          end
          if (wr_done_valid_i) begin
            state_q <= StDone;
            if (wr_done_i.err && done_q.status == CauseOk) begin
              done_q.status <= dst_dev_q ? CauseMemWrite : CauseHostWrite;
              done_q.position <= wr_done_i.err_addr;
            end
          end
        end
        StDone: if (done_ready_i) state_q <= StIdle;
        default: state_q <= StIdle;
      endcase
    end
  end

  a_done_stable: assert property (@(posedge clk_i) disable iff (!rst_ni)
    done_valid_o && !done_ready_i |=> done_valid_o && $stable(done_o.status));
  a_done_after_all: assert property (@(posedge clk_i) disable iff (!rst_ni)
    state_q == StMove && wr_done_valid_i |-> moved_q == beats);

endmodule
