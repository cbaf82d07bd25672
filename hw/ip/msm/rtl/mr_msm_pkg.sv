// Types and helper functions of the MSM engine.
package mr_msm_pkg;

  /// What an operation does with the slot that it names (`mr_msm_slots`).
  typedef enum logic [1:0] {
    OpInsert = 2'd0,   // add the operand to the slot's content
    OpDouble = 2'd1,   // double the slot's content; an empty slot stays empty
    OpTake   = 2'd2    // read the slot, leave it empty, answer on the take port
  } op_e;

  /// One more beat in a job's digest (docs/spec/device.md): d = rotl(d, 1) ^ w0 ^ rotl(w1, 8) ^ ... ^ rotl(w7, 56).
  function automatic logic [63:0] digest_beat(input logic [63:0] digest, input logic [511:0] beat);
    logic [63:0] d;
    logic [63:0] word;
    d = {digest[62:0], digest[63]};
    for (int unsigned i = 0; i < 8; i++) begin
      word = beat[64*i+:64];
      d ^= (word << (8 * i)) | ((i == 0) ? 64'd0 : (word >> (64 - 8 * i)));
    end
    return d;
  endfunction

endpackage
