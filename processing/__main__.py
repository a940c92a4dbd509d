"""``python -m processing`` is the ``leadline`` command, for whoever starts it with a Python of their choice."""

from processing.cli import main

main()
