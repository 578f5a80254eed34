"""What an installation's own moderators have taught: models trained on its labels, beside those that ship with it."""
