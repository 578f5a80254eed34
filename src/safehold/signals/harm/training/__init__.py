"""How the harm model is made: corpus and templates, the sparse half, the student network, calibration, export.

Needs `pip install 'safehold[train]'` and the repository's `training/` folder. Nothing that serves imports it.
"""
