"""Guest programs: their C library, their sources, and the tools that build them."""
