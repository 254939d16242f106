"""9P2000 with no input or output of its own: the codec, the client's and the server's session."""
