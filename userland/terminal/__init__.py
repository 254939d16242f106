"""The first shell: a prompt, a small part of rc's syntax, pipelines of guests."""
