// The 64-bit counters of page 0: clock cycles, progress, and one for each statistics event.
//
// A counter shows an event one cycle after it. clear_i clears the statistics, not cycles and progress.
module mr_counters #(
  /// Statistics events, 1..16.
  parameter int unsigned NumEvents = 8,
  /// Sources of progress, 1..15.
  parameter int unsigned NumProgress = 6
) (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic clear_i,
  input  logic [NumEvents-1:0]   event_i,
  input  logic [NumProgress-1:0] progress_i,
  output logic [63:0]            cycles_o,
  output logic [63:0]            progress_o,
  output logic [63:0]            count_o [NumEvents]
);

  logic [3:0] moved;

  always_comb begin
    moved = 4'd0;
    for (int unsigned i = 0; i < NumProgress; i++) moved += 4'(progress_i[i]);
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cycles_o <= '0;
      progress_o <= '0;
    end else begin
      cycles_o <= cycles_o + 64'd1;
      if (progress_i != '0) progress_o <= progress_o + {60'd0, moved};
    end
  end

  for (genvar i = 0; i < NumEvents; i++) begin : gen_event
    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) count_o[i] <= '0;
      else if (event_i[i]) count_o[i] <= count_o[i] + 64'd1;
    end
  end

endmodule
