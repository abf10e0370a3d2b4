internal import Glibc

/// The C library's power and power of two, by names that no module's own shadow.
func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
func powerOfTwo(_ exponent: Float) -> Float { exp2(exponent) }
