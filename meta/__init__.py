"""Random-effects meta-analysis for living reviews: the public face, loaded name by name when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meta.appraisal import Appraisal as Appraisal
    from meta.appraisal import find_tool as find_tool
    from meta.bias.asymmetry import SmallStudyTest as SmallStudyTest
    from meta.bias.asymmetry import check_sample_size as check_sample_size
    from meta.bias.radial import Radial as Radial
    from meta.bias.radial import find_radial as find_radial
    from meta.effects.compute import effect_sizes as effect_sizes
    from meta.effects.dependence import combine_rows as combine_rows
    from meta.effects.dependence import constant_correlation as constant_correlation
    from meta.effects.sizes import EffectSizes as EffectSizes
    from meta.errors import LayoutWarning as LayoutWarning
    from meta.errors import MetaError as MetaError
    from meta.errors import MissingGlyphWarning as MissingGlyphWarning
    from meta.models.arms import Arms as Arms
    from meta.models.arms import compare_arms as compare_arms
    from meta.models.comparison import ContrastTest as ContrastTest
    from meta.models.comparison import ModelComparison as ModelComparison
    from meta.models.comparison import compare_fits as compare_fits
    from meta.models.comparison import test_contrast as test_contrast
    from meta.models.fitting import fit_many as fit_many
    from meta.models.fitting import fit_model as fit_model
    from meta.models.likelihood import LikelihoodTrace as LikelihoodTrace
    from meta.models.likelihood import trace_likelihood as trace_likelihood
    from meta.models.p_values import PValueCurves as PValueCurves
    from meta.models.p_values import trace_p_values as trace_p_values
    from meta.models.posterior_tails import posterior_tail as posterior_tail
    from meta.models.predictions import Predictions as Predictions
    from meta.models.predictions import predict_at as predict_at
    from meta.models.predictions import predict_curve as predict_curve
    from meta.models.subgroups import fit_subgroups as fit_subgroups
    from meta.options import DisplayUnit as DisplayUnit
    from meta.options import ModelSpec as ModelSpec
    from meta.pipeline import run_review as run_review
    from meta.plots.baujat import baujat_plot as baujat_plot
    from meta.plots.caterpillar import caterpillar_plot as caterpillar_plot
    from meta.plots.drapery import drapery_plot as drapery_plot
    from meta.plots.forest import forest_pages as forest_pages
    from meta.plots.forest import forest_plot as forest_plot
    from meta.plots.funnel import funnel_plot as funnel_plot
    from meta.plots.labbe import labbe_plot as labbe_plot
    from meta.plots.likelihood import likelihood_plot as likelihood_plot
    from meta.plots.orchard import orchard_plot as orchard_plot
    from meta.plots.posterior import posterior_plot as posterior_plot
    from meta.plots.prediction import prediction_plot as prediction_plot
    from meta.plots.prisma import prisma_plot as prisma_plot
    from meta.plots.radial import radial_plot as radial_plot
    from meta.plots.refits import cumulative_plot as cumulative_plot
    from meta.plots.refits import leave_one_out_plot as leave_one_out_plot
    from meta.plots.regression import regression_plot as regression_plot
    from meta.plots.risk_of_bias import traffic_light_plot as traffic_light_plot
    from meta.plots.risk_of_bias_summary import risk_of_bias_summary_plot as risk_of_bias_summary_plot
    from meta.plots.save import save_figure as save_figure
    from meta.prisma import OtherMethods as OtherMethods
    from meta.prisma import PrismaFlow as PrismaFlow
    from meta.profiles.loader import profile as profile
    from meta.profiles.loader import profile_names as profile_names
    from meta.protocol.reader import read_protocol as read_protocol
    from meta.releases.freeze import freeze_release as freeze_release
    from meta.releases.verify import verify_release as verify_release
    from meta.releases.versions import compare_versions as compare_versions
    from meta.results import Fit as Fit
    from meta.results import Refits as Refits
    from meta.results import Subgroups as Subgroups
    from meta.sensitivity.absolute import AbsoluteEffect as AbsoluteEffect
    from meta.sensitivity.absolute import absolute_effect as absolute_effect
    from meta.sensitivity.certainty import CertaintyInputs as CertaintyInputs
    from meta.sensitivity.certainty import certainty_inputs as certainty_inputs
    from meta.sensitivity.contributions import Contributions as Contributions
    from meta.sensitivity.contributions import find_contributions as find_contributions
    from meta.sensitivity.cumulative import cumulate as cumulate
    from meta.sensitivity.judged import JudgementShares as JudgementShares
    from meta.sensitivity.judged import share_judgements as share_judgements
    from meta.sensitivity.leave_one_out import leave_one_out as leave_one_out
    from meta.sensitivity.permutation import Permutation as Permutation
    from meta.sensitivity.permutation import permute as permute
    from meta.sensitivity.predictive import PredictiveCurve as PredictiveCurve
    from meta.sensitivity.predictive import trace_prediction as trace_prediction
    from meta.sensitivity.share import Share as Share
    from meta.sensitivity.share import expected_share as expected_share

__version__ = "0.1.0"

_HOMES = {
    "AbsoluteEffect": "meta.sensitivity.absolute",
    "Appraisal": "meta.appraisal",
    "Arms": "meta.models.arms",
    "CertaintyInputs": "meta.sensitivity.certainty",
    "ContrastTest": "meta.models.comparison",
    "Contributions": "meta.sensitivity.contributions",
    "DisplayUnit": "meta.options",
    "EffectSizes": "meta.effects.sizes",
    "Fit": "meta.results",
    "JudgementShares": "meta.sensitivity.judged",
    "LayoutWarning": "meta.errors",
    "LikelihoodTrace": "meta.models.likelihood",
    "MetaError": "meta.errors",
    "MissingGlyphWarning": "meta.errors",
    "ModelComparison": "meta.models.comparison",
    "ModelSpec": "meta.options",
    "OtherMethods": "meta.prisma",
    "PValueCurves": "meta.models.p_values",
    "Permutation": "meta.sensitivity.permutation",
    "Predictions": "meta.models.predictions",
    "PredictiveCurve": "meta.sensitivity.predictive",
    "PrismaFlow": "meta.prisma",
    "Radial": "meta.bias.radial",
    "Refits": "meta.results",
    "Share": "meta.sensitivity.share",
    "SmallStudyTest": "meta.bias.asymmetry",
    "Subgroups": "meta.results",
    "absolute_effect": "meta.sensitivity.absolute",
    "baujat_plot": "meta.plots.baujat",
    "caterpillar_plot": "meta.plots.caterpillar",
    "certainty_inputs": "meta.sensitivity.certainty",
    "check_sample_size": "meta.bias.asymmetry",
    "combine_rows": "meta.effects.dependence",
    "compare_arms": "meta.models.arms",
    "compare_fits": "meta.models.comparison",
    "compare_versions": "meta.releases.versions",
    "constant_correlation": "meta.effects.dependence",
    "cumulate": "meta.sensitivity.cumulative",
    "cumulative_plot": "meta.plots.refits",
    "drapery_plot": "meta.plots.drapery",
    "effect_sizes": "meta.effects.compute",
    "expected_share": "meta.sensitivity.share",
    "find_contributions": "meta.sensitivity.contributions",
    "find_radial": "meta.bias.radial",
    "find_tool": "meta.appraisal",
    "fit_many": "meta.models.fitting",
    "fit_model": "meta.models.fitting",
    "fit_subgroups": "meta.models.subgroups",
    "forest_pages": "meta.plots.forest",
    "forest_plot": "meta.plots.forest",
    "freeze_release": "meta.releases.freeze",
    "funnel_plot": "meta.plots.funnel",
    "labbe_plot": "meta.plots.labbe",
    "leave_one_out": "meta.sensitivity.leave_one_out",
    "leave_one_out_plot": "meta.plots.refits",
    "likelihood_plot": "meta.plots.likelihood",
    "orchard_plot": "meta.plots.orchard",
    "permute": "meta.sensitivity.permutation",
    "posterior_plot": "meta.plots.posterior",
    "posterior_tail": "meta.models.posterior_tails",
    "predict_at": "meta.models.predictions",
    "predict_curve": "meta.models.predictions",
    "prediction_plot": "meta.plots.prediction",
    "prisma_plot": "meta.plots.prisma",
    "profile": "meta.profiles.loader",
    "profile_names": "meta.profiles.loader",
    "radial_plot": "meta.plots.radial",
    "read_protocol": "meta.protocol.reader",
    "regression_plot": "meta.plots.regression",
    "risk_of_bias_summary_plot": "meta.plots.risk_of_bias_summary",
    "run_review": "meta.pipeline",
    "save_figure": "meta.plots.save",
    "share_judgements": "meta.sensitivity.judged",
    "test_contrast": "meta.models.comparison",
    "trace_likelihood": "meta.models.likelihood",
    "trace_p_values": "meta.models.p_values",
    "trace_prediction": "meta.sensitivity.predictive",
    "traffic_light_plot": "meta.plots.risk_of_bias",
    "verify_release": "meta.releases.verify",
}

__all__ = [*sorted(_HOMES), "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'meta' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
