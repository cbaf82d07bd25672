// Stands in for the real package where a proof is about the places that points take, not about points:
// a point is a number modulo 4 and the sum of two points is their sum.
package mr_curve_pkg;

  typedef struct packed {
    logic [1:0] x;
  } point_t;

endpackage
