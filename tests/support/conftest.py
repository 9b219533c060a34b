"""Makes fits_bytes importable, wherever the tests are run from."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
