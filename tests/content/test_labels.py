"""Labels that cannot be drawn are refused when they are read; those that surely can are, without loading matplotlib."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from crsea_infer.content import finding, labels
from crsea_infer.hypotheses.prior_sets import read_prior_set
from crsea_infer.inference.likelihoods.absent_tables import names_at_hand
from crsea_infer.inference.likelihoods.likelihood import load_likelihood
from crsea_infer.support.errors import UserError

PRIORS = [item.path for item in finding.available("priors")]
LIKELIHOODS = names_at_hand()


@pytest.mark.slow
def test_what_passes_unparsed_is_parsed_all_right(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [(one.label, one.unit) for path in PRIORS for one in read_prior_set(path).parameters]
    given += [(one.label, one.unit) for name in LIKELIHOODS for one in load_likelihood(name).nuisances]
    assert len(given) > 100
    given += [(r"\Gamma_x", "GeV^-1.5"), ("n12", ""), (r"\mathrm{a\ b}", "kpc ")]
    assert [label for label, _ in given if not labels._SURE_SYMBOL.fullmatch(label)] == []
    never = re.compile("(?!)")
    monkeypatch.setattr(labels, "_SURE_SYMBOL", never)
    monkeypatch.setattr(labels, "_SURE_UNIT", never)
    for label, unit in set(given):
        labels.check_symbol(label, unit)


@pytest.mark.parametrize("label", ["a_b_c", r"\frac{", r"\gammax", "a}", "a{", "a%b", "a^", "x_", r"\mathrm{a", "$a$"])
def test_a_symbol_that_cannot_be_drawn_is_refused(label: str) -> None:
    with pytest.raises(UserError, match="matplotlib can draw"):
        labels.check_symbol(label, where="mine.toml")


@pytest.mark.parametrize("label", ["KM2A inner", "5 $ or 6", r"cost \$5 \$6", "$E^2$ of a_b_c", "100 %"])
def test_a_label_of_words_may_hold_mathematics(label: str) -> None:
    labels.check_label(label)


def test_mathematics_in_a_label_of_words_is_checked() -> None:
    with pytest.raises(UserError, match=r"mine: label = .*frac.*\n.*dollar"):
        labels.check_label(r"$\frac{$", where="mine")
    with pytest.raises(UserError, match=r"label = .*frac"):
        load_likelihood("lhaaso_km2a_inner", {"label": r"$\frac{$"})


def test_reading_a_run_does_not_load_matplotlib() -> None:
    code = "import sys; from crsea_infer.plan.run_file import load_run; load_run('min_vs_max'); "
    code += "sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
