"""The template tags, a module a kind: basics (inline), containers (around other markup), data (to read), shell (the frame)."""
