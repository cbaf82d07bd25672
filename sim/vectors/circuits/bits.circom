// Rounds of xor, rotation and addition on 32-bit words: nearly every witness value is 0 or 1, as in a hash of bytes.
pragma circom 2.1.6;

template ToBits(n) {
    signal input in;
    signal output out[n];
    var sum = 0;
    for (var i = 0; i < n; i++) {
        out[i] <-- (in >> i) & 1;
        out[i] * (out[i] - 1) === 0;
        sum += out[i] * 2 ** i;
    }
    sum === in;
}

// b' = (a xor b) rotated left by r; a' = a + b' mod 2^32
template Round(r) {
    signal input a[32];
    signal input b[32];
    signal output aNext[32];
    signal output bNext[32];
    var sum = 0;
    for (var i = 0; i < 32; i++) {
        var to = (i + r) % 32;
        bNext[to] <== a[i] + b[i] - 2 * a[i] * b[i];
    }
    for (var i = 0; i < 32; i++) {
        sum += (a[i] + bNext[i]) * 2 ** i;
    }
    component split = ToBits(33);
    split.in <== sum;
    for (var i = 0; i < 32; i++) {
        aNext[i] <== split.out[i];
    }
}

template Mix(rounds) {
    signal input a;
    signal input b;
    signal output out;
    component bitsA = ToBits(32);
    component bitsB = ToBits(32);
    bitsA.in <== a;
    bitsB.in <== b;
    component round[rounds];
    for (var k = 0; k < rounds; k++) {
        round[k] = Round(5 + 2 * k);
        for (var i = 0; i < 32; i++) {
            if (k == 0) {
                round[k].a[i] <== bitsA.out[i];
                round[k].b[i] <== bitsB.out[i];
            } else {
                round[k].a[i] <== round[k - 1].aNext[i];
                round[k].b[i] <== round[k - 1].bNext[i];
            }
        }
    }
    var sum = 0;
    for (var i = 0; i < 32; i++) {
        sum += round[rounds - 1].aNext[i] * 2 ** i;
        sum += round[rounds - 1].bNext[i] * 2 ** (32 + i);
    }
    out <== sum;
}

component main = Mix(12);
