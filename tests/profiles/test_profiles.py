from dataclasses import replace

import pytest

from meta.errors import OptionError, ProfileError
from meta.options import FURTHER_OPTIONS, SPEC_FIELDS, ModelSpec
from meta.profiles.loader import load_profile, override_spec, profile, profile_names

#: What each profile must say, key by key: a profile is frozen, so a change here is a new version there.
FROZEN = {
    "house@1": ("random", "REML", "HKSJ", "se", "t_k1", "QP", 0.95),
    "cochrane2025@1": ("random", "REML", "HKSJ", "none", "t_k1", "QP", 0.95),
    "metafor@1": ("random", "REML", "Wald", "none", "z", "QP", 0.95),
    "proportions-glmm@1": ("binomial_normal", "ML", "profile", "none", "t_k1", "PL", 0.95),
    "meta8@1": ("random", "REML", "Wald", "none", "t_k1", "QP", 0.95),
    "revman5@1": ("random", "DL_MH", "Wald", "none", None, None, 0.95),
    "iqwig6@1": ("random", "PM", "HKSJ", "iqwig6", "t_k1", "QP", 0.95),
    "metapsy@1": ("random", "REML", "HKSJ", "none", "t_k1", "QP", 0.95),
}
KEYS = ("model", "tau2_method", "ci_method", "ci_guard", "pi_method", "tau2_ci", "level")
HASHES = {
    "house@1": "1024f404150bc8aa3bb692889af59eb378449fa4c904fcc7c4222e00d3929b11",
    "cochrane2025@1": "f2612da1959abf5187aaf0fd84db8cfc984f54e35fc1dbd457ce329a853743ca",
    "metafor@1": "68ac47c8c56c923e426ec26c10474d9fc63509cab94b0689ad7cc0bc1be5e0ea",
    "proportions-glmm@1": "01397fd326b1843eb31579c5af4f313959ee98d23e66c078e33a2be20a8ce95c",
    "meta8@1": "8bd079a12c80a8ef17ac15c2c9e09f08649ba5a23b425ccd950c6c04a15144e0",
    "revman5@1": "de269b82dab9cd890b45837a1b4f1dc9b95f912bf18a29a65f386e61e22570ac",
    "iqwig6@1": "27f1931283084577575630edb0aa825e8a7217352054ca97cb7db2ed06e0e080",
    "metapsy@1": "2867310c7ead17bd95725886a9764170d4e8901a94a2af5baea5d277959f1a2c",
}


def test_these_are_all_the_profiles():
    assert set(profile_names()) == set(FROZEN)
    assert {*KEYS, "moderators", *FURTHER_OPTIONS} == set(SPEC_FIELDS)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in FROZEN for key in KEYS])
def test_every_key_of_every_profile_has_its_value_and_a_source(name, key):
    loaded = load_profile(name)
    assert loaded.options[key] == FROZEN[name][KEYS.index(key)]
    assert getattr(loaded.spec(), key) == FROZEN[name][KEYS.index(key)]
    assert len(loaded.citations[key]) >= len("Convention")


@pytest.mark.parametrize("name", FROZEN)
def test_a_published_profile_never_changes(name):
    assert load_profile(name).sha256 == HASHES[name]


def test_house_is_what_an_empty_spec_does():
    assert profile("house@1") == ModelSpec()


def test_an_unknown_profile_names_the_nearest():
    with pytest.raises(ProfileError, match=r"no profile 'house@2'; did you mean 'house@1'\?"):
        load_profile("house@2")


def test_an_estimator_by_moments_drops_the_profile_likelihood_of_its_base():
    base = load_profile("house@1")
    by_likelihood = replace(base, options={**base.options, "tau2_ci": "PL"})
    assert override_spec(by_likelihood, {"tau2_method": "DL"}).tau2_ci == "QP"
    assert override_spec(by_likelihood, {"level": 0.9}).tau2_ci == "PL"
    with pytest.raises(OptionError, match="tau2_ci='PL' needs tau2_method='REML' or 'ML'"):
        override_spec(by_likelihood, {"tau2_method": "DL", "tau2_ci": "PL"})


def test_another_model_of_counts_takes_over_what_it_offers():
    loaded = load_profile("proportions-glmm@1")
    beta = override_spec(loaded, {"model": "beta_binomial"})
    assert (beta.ci_method, beta.tau2_method, beta.pi_method) == ("profile", None, None)
    rates = override_spec(loaded, {"model": "poisson_normal", "ci_method": "t"})
    assert (rates.ci_method, rates.tau2_method, rates.tau2_ci) == ("t", "ML", "PL")
    with pytest.raises(OptionError, match="tau2_method under model='beta_binomial'"):
        override_spec(loaded, {"model": "beta_binomial", "tau2_method": "ML"})
