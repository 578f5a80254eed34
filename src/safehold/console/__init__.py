"""The console: pages that belong to no room of the desk. They read what the rooms wrote and call their services."""
