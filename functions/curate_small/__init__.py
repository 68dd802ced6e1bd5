"""State "Curate small": what of the Glue job's work one function can do.

The modules are the job's own: beside this package in the bundle, in the folder `glue` of the project.
"""

import sys
from pathlib import Path

sys.path += [str(room / "glue") for room in Path(__file__).resolve().parents[1:3] if (room / "glue").is_dir()]
