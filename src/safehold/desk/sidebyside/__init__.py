"""Two services' scores of the same comments, kept as numbers, and the calibrations that are fitted from them, so that thresholds
that clients chose for the one keep their meaning with the other.
"""
