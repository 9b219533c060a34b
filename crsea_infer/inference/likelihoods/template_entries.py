"""The keys of a `likelihood.toml` that measures norms of emission templates.

The models by which the file is read, and from whose words editors describe the keys.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crsea_infer.content.toml_files import Entry
from crsea_infer.inference.likelihoods.likelihood import CommonEntry

__all__ = ["TemplateEntry", "TemplateNormalisationEntry"]


class TemplateEntry(Entry):
    """A template that was fitted.

    Attributes
    ----------
    fit
        The ECSV table of its norm and test statistic, in one row.
    spectrum
        The ECSV table of its flux at norm 1.
    """

    fit: str
    spectrum: str


class TemplateNormalisationEntry(CommonEntry):
    """Norms of emission templates.

    Attributes
    ----------
    messenger
        What was measured; neutrinos per flavour.
    region
        The sky of the templates: a name (`crsea-infer list regions`), or a box "l=25..100,b=-5..5".
    effective_area
        The ECSV table of the detector's effective area, by which energies count.
    template
        One of the templates, for all hypotheses.
    templates
        One table for each, [templates.NAME].
    morphologies
        Template of each morphology that prior sets name.
    """

    messenger: Literal["gamma", "neutrino"]
    region: str
    effective_area: str | None = None
    template: str | None = None
    templates: dict[str, TemplateEntry]
    morphologies: dict[str, str] = Field(default_factory=dict)
