"""The console: the pages that belong to no single room of the desk. They read what the rooms wrote and call their services."""
