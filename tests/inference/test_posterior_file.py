"""posterior.nc alone: the spectrum, the parameters and the prior drawn again from the file, without the package."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from astropy import units
from astropy.table import Table

from crsea_infer import emulator
from crsea_infer.content import finding
from crsea_infer.hypotheses.hypothesis import load_hypothesis
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.inference.posterior import posterior_for
from crsea_infer.inference.posterior_file import write_posterior
from crsea_infer.inference.samplers.sampler import SamplerResult
from crsea_infer.plan.run_file import load_run

if TYPE_CHECKING:
    from pathlib import Path

    from crsea_infer.inference.posterior import Posterior

INNER = "lhaaso_km2a_inner"
HYPOTHESIS = "gamma-optimized-min"


@pytest.fixture(scope="module", params=["arviz", "xarray"])
def opened(request: pytest.FixtureRequest, finished: tuple[Path, Path]) -> Any:
    """The file as ArviZ opens it, whichever is installed, and as xarray does (which ArviZ 1.x gives)."""
    path = finished[1] / HYPOTHESIS / "posterior.nc"
    if request.param == "arviz":
        import arviz

        return arviz.from_netcdf(path)
    import xarray

    return xarray.open_datatree(path, engine="h5netcdf")


@pytest.fixture(scope="module")
def posterior(finished: tuple[Path, Path]) -> Posterior:
    run = load_run(finished[0])
    hypothesis = next(one for one in run.hypotheses if one.name == HYPOTHESIS)
    return posterior_for(hypothesis, run.likelihoods, emulator.load(run.emulator))


def in_units(variable: Any, unit: str) -> np.ndarray:
    return np.asarray(units.Quantity(np.asarray(variable), variable.attrs["units"]).to_value(unit))


@pytest.mark.slow
def test_the_spectrum_is_drawn_again_from_the_file_alone(opened: Any, posterior: Posterior) -> None:
    from matplotlib.figure import Figure

    unit = "TeV-1 cm-2 s-1 sr-1"
    data, expected = opened["observed_data"][INNER], opened["posterior_predictive"][f"{INNER}_expected"]
    more = {
        name: opened["constant_data"][f"{INNER}_{name}"]
        for name in ("energy_min", "energy_max", "energy_reference", "error_low", "error_high", "systematic")
    }
    energy = in_units(more["energy_reference"], "TeV")
    points, band = in_units(data, unit), np.quantile(in_units(expected, unit), [0.16, 0.84], axis=(0, 1))
    errors = [in_units(more[name], unit) for name in ("error_low", "error_high")]
    axes = Figure().add_subplot()
    axes.errorbar(energy, points, errors, fmt="o", label=data.attrs["label"])
    axes.fill_between(energy, *band, alpha=0.4)
    axes.set_title(data.attrs["title"])

    table = Table.read(finding.find("likelihoods", INNER).parent / "flux.ecsv")
    for name, drawn in (("intensity", points), ("error_low", errors[0]), ("error_high", errors[1])):
        np.testing.assert_allclose(drawn, table[name].quantity.to_value(unit), rtol=1e-12)
    np.testing.assert_allclose(in_units(more["systematic"], unit), table["systematic"].quantity.to_value(unit))
    for name in ("energy_min", "energy_max", "energy_reference"):
        np.testing.assert_allclose(in_units(more[name], "TeV"), table[name].quantity.to_value("TeV"), rtol=1e-12)
    assert data.attrs["reference"].startswith("arXiv:2305.05372")
    assert data.attrs["status"] == "published-table"

    theta = np.stack([np.asarray(opened["posterior"][name]) for name in posterior.names], axis=-1)
    ours = np.asarray(posterior.predictions(theta)[INNER]) * 1e3  # per GeV -> per TeV
    np.testing.assert_allclose(band, np.quantile(ours, [0.16, 0.84], axis=(0, 1)), rtol=1e-9)


def test_parameters_have_labels_units_and_a_prior_of_their_own(opened: Any, posterior: Posterior) -> None:
    rng = np.random.default_rng(2)
    for column, parameter in enumerate(posterior.parameters):
        for group in ("posterior", "prior"):
            said = opened[group][parameter.name].attrs
            assert (said["label"], said["units"]) == (parameter.label, parameter.unit)
            assert said["published"] == parameter.fiducial
        drawn = np.asarray(opened["prior"][parameter.name])
        assert drawn.shape == (1, 1000)
        again = np.asarray(posterior.prior_transform(rng.random((1000, len(posterior.names)))))[:, column]
        low, high = np.quantile(again, [0.25, 0.75])
        assert np.mean((drawn > low) & (drawn < high)) == pytest.approx(0.5, abs=0.08)


@pytest.mark.slow
def test_fixed_parameters_and_every_kind_of_data_are_in_the_file(tmp_path: Path) -> None:
    import xarray

    names = (INNER, "lhaaso_wcda_inner", "icecube_galactic_plane", "dampe_protons")
    likelihoods = [load_likelihood(name) for name in names]
    base = posterior_for(load_hypothesis("base-min"), likelihoods, emulator.load(None))
    rng = np.random.default_rng(1)
    unit = rng.random((60, len(base.names)))
    theta = np.asarray(base.prior_transform(unit))
    result = SamplerResult("x", base.names, theta, unit, None, np.zeros(60), None, 60, 0.0, {"status": "converged"})
    write_posterior(tmp_path / "posterior.nc", base, result, {"seed": "1"}, rng)
    tree = xarray.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf")
    fixed = tree["constant_data"]["delta_slope"]
    assert float(fixed) == 0.0
    assert (fixed.attrs["units"], fixed.attrs["prior"]) == ("kpc^-1", "fixed at 0")
    for likelihood in likelihoods:
        assert tree["observed_data"][likelihood.name].shape == (likelihood.n_data,)
        for column, given in likelihood.columns.items():  # type: ignore[attr-defined]
            units.Unit(given.unit)
            if column != "values":
                variable = tree["constant_data"][f"{likelihood.name}_{column}"]
                np.testing.assert_array_equal(variable, given.values)
                assert variable.attrs["units"] == given.unit
    assert "energy_reference" in likelihoods[-1].columns  # type: ignore[attr-defined]
