"""Files of flux points: upper limits are read as what they are, and mistakes are told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from crsea_infer.inference.likelihoods.flux_points import FluxPoints
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.support.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = """\
# %ECSV 1.0
# ---
# datatype:
# - {name: energy_min, unit: GeV, datatype: float64}
# - {name: energy_max, unit: GeV, datatype: float64}
# - {name: intensity, unit: 1 / (GeV cm2 s sr), datatype: float64}
# - {name: error_low, unit: 1 / (GeV cm2 s sr), datatype: float64}
# - {name: error_high, unit: 1 / (GeV cm2 s sr), datatype: float64}
# - {name: is_upper_limit, datatype: bool}
# delimiter: ','
# meta: !!omap
# - {reference: 'arXiv:0000.00000'}
# - {table_or_figure: a test}
# - {status: digitised}
# - {transcribed_from: a test}
# - {confidence_level: 0.95}
# schema: astropy-2.0
energy_min,energy_max,intensity,error_low,error_high,is_upper_limit
10.0,20.0,1e-9,1e-10,2e-10,False
20.0,40.0,3e-10,0.0,0.0,True
"""
SETTINGS = """\
kind = "flux-points"
title = "t"
label = "l"
messenger = "neutrino"
region = "l=25..100,b=-5..5"
table = "flux.ecsv"
systematics = "none"
citations = []
"""


def folder(tmp_path: Path, settings: str = SETTINGS, table: str = LIMITS) -> str:
    home = tmp_path / "mine"
    home.mkdir()
    (home / "likelihood.toml").write_text(settings)
    (home / "flux.ecsv").write_text(table)
    return str(home) + "/"


def test_limits_are_read_from_a_table(tmp_path: Path) -> None:
    likelihood = load_likelihood(folder(tmp_path))
    assert isinstance(likelihood, FluxPoints)
    assert likelihood.is_upper_limit.tolist() == [False, True]
    assert likelihood.error_high[1] == pytest.approx(3e-10 / 1.6448536, rel=1e-7)
    assert likelihood.energy_reference[0] == pytest.approx(math.sqrt(200.0))


def test_a_limit_stands_in_its_own_column_beside_the_best_fit(tmp_path: Path) -> None:
    column = "# - {name: upper_limit, unit: 1 / (GeV cm2 s sr), datatype: float64}\n# delimiter"
    table = LIMITS.replace("# delimiter", column).replace("is_upper_limit\n1", "is_upper_limit,upper_limit\n1")
    table = table.replace("2e-10,False", "2e-10,False,0.0").replace(
        "3e-10,0.0,0.0,True", "-1e-11,1e-10,1e-10,True,3e-10"
    )
    likelihood = load_likelihood(folder(tmp_path, table=table))
    assert isinstance(likelihood, FluxPoints)
    np.testing.assert_allclose(likelihood.values, [1e-9, 3e-10])
    np.testing.assert_allclose(likelihood.error_high, [2e-10, 3e-10 / 1.6448536], rtol=1e-7)


@pytest.mark.parametrize(
    ("settings", "table", "words"),
    [
        (
            SETTINGS,
            LIMITS.replace("3e-10,0.0,0.0", "3e-10,1e-10,1e-10"),
            ["row 2", "best fit", "upper_limit", "dnde_ul"],
        ),
        (SETTINGS, LIMITS.replace("# - {confidence_level: 0.95}\n", ""), ["confidence_level", "0.95"]),
        (SETTINGS, LIMITS.replace("1e-9,1e-10", "1e-9,0.0"), ["error_low", "row 1", "0"]),
        (SETTINGS, LIMITS.replace("3e-10", "-3e-10"), ["row 2", "above 0"]),
        (SETTINGS.replace('"none"', '"correlated"'), LIMITS, ["'systematic'", "systematics = 'none'"]),
        (SETTINGS.replace('"none"', '"diagnal"'), LIMITS, ["systematics", "diagnal", "correlated"]),
        (SETTINGS.replace("messenger", "mesenger"), LIMITS, ["mesenger", "did you mean 'messenger'"]),
        (SETTINGS.replace("flux-points", "flux-point"), LIMITS, ["flux-point", "did you mean 'flux-points'"]),
        (SETTINGS.replace('kind = "flux-points"\n', ""), LIMITS, ["kind", "flux-points"]),
        (SETTINGS.replace("flux.ecsv", "flx.ecsv"), LIMITS, ["flx.ecsv"]),
    ],
)
def test_a_mistake_in_a_data_set_is_told(tmp_path: Path, settings: str, table: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        load_likelihood(folder(tmp_path, settings, table))
    for word in ["mine", *words]:
        assert word in str(caught.value)
