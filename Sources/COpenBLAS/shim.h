// OpenBLAS for its LAPACK alone: the eigenvalues of a Gram matrix, once per half-epoch, from one thread.
//
// Traps. Debian's libopenblas has LAPACK but not LAPACKE (its configuration says NO_LAPACKE): call dsyevd_, not
// LAPACKE_dsyevd. Its serial build does not lock its scratch memory, so two threads must not be in it at once.
#include <lapack.h>
