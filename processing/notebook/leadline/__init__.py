"""Leadline in a notebook: ``import leadline; project = leadline.open("PROJECT"); frame = project.freeboard()``."""
