"""Media is opened in processes of their own with limits, and nowhere else: to a decoder a picture is a program. `ask` is
the door.
"""
