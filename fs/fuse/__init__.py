"""The FUSE door: requests of Linux to a FileServer; see docs/fuse.md."""
