"""Reading method profiles."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any

from extraction.files import sha256
from extraction.names import suggest
from meta.errors import OptionError, ProfileError
from meta.options import GLMMS, SPEC_FIELDS, ModelSpec, check_option, model_offers

#: What TOML, which has no null, writes for "not computed".
NOTHING = "none"

#: Options whose value may be absent altogether; ``ci_guard = "none"`` is a value of its own.
_MAY_BE_ABSENT = ("tau2_method", "pi_method", "tau2_ci")


@dataclass(frozen=True, slots=True)
class MethodProfile:
    """A named, frozen set of choices.

    ``options`` and ``citations`` have one entry a key; ``sha256`` is of the file's bytes, so that a release
    can prove which text it used.
    """

    name: str
    title: str
    about: str
    options: dict[str, Any]
    citations: dict[str, str]
    sha256: str

    def spec(self) -> ModelSpec:
        """Return the choices as a ``ModelSpec``."""
        return ModelSpec(**self.options)


def profile_names() -> tuple[str, ...]:
    """Return the names of all profiles, sorted."""
    folder = files("meta.profiles")
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    )


def load_profile(name: str) -> MethodProfile:
    """Read a profile by its name and version, for example ``house@1``.

    Raises
    ------
    ProfileError
        If there is no such profile (the nearest name is offered), or its file is malformed.
    """
    known = profile_names()
    if name not in known:
        raise ProfileError(f"no profile {name!r}; {suggest(name, known)}")
    read = _read_profile(name, (files("meta.profiles") / f"{name}.toml").read_bytes())
    # whoever changes its dictionaries changes no other's
    return replace(read, options=dict(read.options), citations=dict(read.citations))


@lru_cache(maxsize=64)
def _read_profile(name: str, data: bytes) -> MethodProfile:
    """Read a profile; a review of a dozen analyses with their alternatives asks thousands of times."""
    content = tomllib.loads(data.decode("utf-8"))
    options: dict[str, Any] = {}
    citations: dict[str, str] = {}
    for key, entry in content["options"].items():
        if key not in SPEC_FIELDS:
            raise ProfileError(f"profile {name}: unknown option {key!r}; {suggest(key, SPEC_FIELDS)}")
        value = entry["value"]
        options[key] = None if value == NOTHING and key in _MAY_BE_ABSENT else value
        citations[key] = entry["source"]
    profile = MethodProfile(name, content["title"], content["about"], options, citations, sha256(data))
    try:
        profile.spec()
    except OptionError as error:
        raise ProfileError(f"profile {name}: {error}") from error
    return profile


def override_spec(chosen: MethodProfile, overrides: Mapping[str, Any]) -> ModelSpec:
    """Return the choices of a profile with some of them replaced.

    What a replacement makes meaningless (the HKSJ guard under a Wald interval, the estimator of another kind
    of model) falls back to what the replacing choice brings by default, unless it is replaced as well.

    Raises
    ------
    OptionError
        If a choice is unknown, or not allowed under the model.
    """
    for key in overrides:
        check_option("option", key, SPEC_FIELDS)
    base = chosen.spec()
    options = {**chosen.options, **overrides}
    model = options["model"]
    if model != base.model and not (base.is_glmm and model in GLMMS):
        options = {"level": base.level, **overrides}
    elif model != base.model:
        methods = ("tau2_method", "ci_method", "pi_method", "tau2_ci")
        lost = [name for name in methods if not model_offers(model, name, options[name])]
        options = {name: value for name, value in options.items() if name not in lost or name in overrides}
    if options.get("tau2_method", "") is None and model in GLMMS:
        # tau2 held at 0 has neither a prediction interval nor one of its own
        options = {k: v for k, v in options.items() if k not in ("pi_method", "tau2_ci") or k in overrides}
    if "ci_method" in overrides and "ci_guard" not in overrides:
        options.pop("ci_guard", None)
    if "tau2_method" in overrides and "tau2_ci" not in overrides and options.get("tau2_ci") == "PL":
        # a profile likelihood belongs to an estimator by likelihood
        options.pop("tau2_ci")
    return ModelSpec(**options)


def profile(name: str) -> ModelSpec:
    """Return the choices of a named profile, for example ``profile("proportions-glmm@1")``.

    Raises
    ------
    ProfileError
        If there is no such profile.
    """
    return load_profile(name).spec()
