// Points of G1 of BN254, y^2 = x^3 + 3 over Fq, as the accelerator keeps them.
package mr_curve_pkg;

  /// A point in projective coordinates, x = X/Z, y = Y/Z; each coordinate is canonical (below q).
  /// Infinity is any (0 : y : 0) with y != 0.
  typedef struct packed {
    logic [253:0] x;
    logic [253:0] y;
    logic [253:0] z;
  } point_t;

  /// The point at infinity, (0 : 1 : 0).
  localparam point_t Infinity = '{x: 254'd0, y: 254'd1, z: 254'd0};

  /// 2^256 mod q: the Z of a point whose affine coordinates are in Montgomery form, (x R : y R : R) = (x : y : 1).
  localparam logic [253:0] MontOne = 254'h0e0a77c19a07df2f666ea36f7879462c0a78eb28f5c70b3dd35d438dc58f0d9d;

  /// Cycles from `valid_i` to `valid_o` of `mr_point_add`.
  localparam int unsigned PointAddLatency = 29;

endpackage
