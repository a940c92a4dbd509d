"""Leadline in a notebook.

>>> import leadline
>>> project = leadline.open("PROJECT")
>>> frame = project.freeboard()

``frame`` is a pandas table with a row for each 2 m segment; :class:`processing.notebook.opened.Opened` tells the rest.
"""

from processing.notebook.opened import Opened, open_project
from processing.notebook.opened import open_project as open  # noqa: A004

__all__ = ["Opened", "open", "open_project"]
