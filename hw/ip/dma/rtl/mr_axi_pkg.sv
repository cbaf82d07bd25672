// Payloads of the AXI4 channels inside the device. All bursts are INCR, 64 bytes a beat, so size and burst type are constants of the top.
package mr_axi_pkg;

  parameter int unsigned IdWidth = 4;
  parameter int unsigned MaxBurstBeats = 16;

  // AW and AR: `len` is the number of beats less one.
  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [63:0]        addr;
    logic [7:0]         len;
  } ax_t;

  typedef struct packed {
    logic [511:0] data;
    logic [63:0]  strb;
    logic         last;
  } w_t;

  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [1:0]         resp;
  } b_t;

  typedef struct packed {
    logic [IdWidth-1:0] id;
    logic [511:0]       data;
    logic [1:0]         resp;
    logic               last;
  } r_t;

  // Beats of the next burst: at most MaxBurstBeats, no more than are left, not across a 4 KiB line. `addr` is a multiple of 64.
  function automatic logic [4:0] burst_beats(logic [5:0] addr_in_page, logic [31:0] left);
    logic [6:0] room;
    logic [4:0] beats;
    room = 7'd64 - {1'b0, addr_in_page};
    beats = room < 7'(MaxBurstBeats) ? room[4:0] : 5'(MaxBurstBeats);
    return left < {27'd0, beats} ? left[4:0] : beats;
  endfunction

endpackage
