"""Google's Perspective API, answered with the harm model's scores; beside the old service for as long as it lives (`upstream`)
and with a map that keeps its thresholds' meaning (`calibration`). `routes` has the addresses.
"""
