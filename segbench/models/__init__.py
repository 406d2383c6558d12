"""The builtin models: name -> where its factory lives. Listing them imports nothing; adding one is one file and one line here."""

from __future__ import annotations

GROUP = "segbench.models"

BUILTIN: dict[str, str] = {
    "fcn32s": "segbench.models.fcn:fcn32s",
    "fcn16s": "segbench.models.fcn:fcn16s",
    "fcn8s": "segbench.models.fcn:fcn8s",
    "fcn8s_atonce": "segbench.models.fcn:fcn8s_atonce",
    "unet": "segbench.models.unet:unet",
    "segnet": "segbench.models.segnet:segnet",
}
