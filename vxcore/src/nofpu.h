/*
 * nofpu.h: the core must not touch the x87 and SSE registers, which may be a guest's; so its
 * files are compiled without them.  (The module is one extension, whose other file, Cython's,
 * does use them; hence a pragma and not a compiler flag.)
 */
#pragma GCC target("general-regs-only")
#if defined __clang__ && defined __SSE__
#error "clang does not know that pragma: use gcc, or clang with -mgeneral-regs-only"
#endif
