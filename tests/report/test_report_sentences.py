"""Sentences: what each model, status and number of studies is said to be."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from meta.options import ModelSpec
from meta.report.caveats import list_caveats
from meta.report.comparisons import (
    cumulative_sentence,
    left_out_sentence,
    reference_sentence,
    regression_sentences,
    small_study_sentences,
    subgroup_sentences,
)
from meta.report.context import build_context
from meta.report.methods import methods_sentences, overlap_sentence
from meta.report.origins import address_pieces, http_address, selection_steps
from meta.report.pieces import Link, Node, Unit, bracketed, clean_text, plain, read_unit, show_number
from meta.report.sentences import (
    heterogeneity_sentences,
    quotable_sentence,
    result_sentences,
    threshold_sentence,
)
from meta.report.thresholds import share_sentence
from meta.report.words import MEASURES
from meta.tables.numbers import interval_text


def methods(measure: str, **options: Any) -> str:
    spec = ModelSpec(**options).to_dict()
    return " ".join(plain(s) for s in methods_sentences(measure, Node(spec, "analyses.a.spec")))


def entry(results: dict[str, Any], name: str) -> tuple[Node, Unit]:
    node = Node(results).at("analyses", name)
    return node, read_unit(node, ratio=MEASURES[node.at("measure").text()].ratio)


def quote(results: dict[str, Any], name: str) -> str:
    return plain(quotable_sentence(*entry(results, name)))


class TestMethods:
    """One sentence a choice, and no sentence for what was not chosen."""

    @pytest.mark.parametrize(
        ("measure", "options", "said", "unsaid"),
        [
            (
                "PLO",
                {},
                [
                    "pooled as logits",
                    "(REML)",
                    "HKSJ",
                    "never taken smaller",
                    "k − 1",
                    "Wald standard error",
                    "Q-profile",
                    "0.5 is added to its events and to its non-events",
                    "Clopper–Pearson",
                ],
                ["mixed model", "no guard"],
            ),
            (
                "PLO",
                {"tau2_method": "DL", "ci_method": "Wald", "tau2_ci": None},
                ["DerSimonian", "normal quantile", "No interval is computed for tau²"],
                ["HKSJ", "REML"],
            ),
            (
                "RR",
                {"ci_guard": "none"},
                ["Risk ratios are pooled as logarithms", "no guard is set"],
                ["never taken smaller"],
            ),
            (
                "OR",
                {"tau2_method": "PM", "ci_method": "t"},
                ["Paule and Mandel", "takes the Wald standard error and a t quantile"],
                [],
            ),
            (
                "RD",
                {"tau2_method": "ML", "pi_method": "t_k2"},
                ["maximum likelihood (ML)", "k − 2", "Higgins, Thompson"],
                [],
            ),
            ("RR", {"pi_method": "hk_k1"}, ["Hartung–Knapp standard error"], []),
            ("RR", {"pi_method": "hk_k2"}, ["k − 2", "Partlett"], []),
            (
                "GEN",
                {"pi_method": "z"},
                ["taken as given", "a normal quantile and the Wald standard error"],
                ["zero cell"],
            ),
            ("GEN", {"pi_method": None}, ["No prediction interval is computed."], []),
            ("PFT", {}, ["double arcsines", "can mislead"], []),
            ("IRLN", {}, ["Rates are pooled as logarithms", "exact (Poisson)"], []),
            ("PR", {}, ["Proportions are pooled as they are"], []),
            (
                "RR",
                {"model": "common"},
                ["common-effect", "no prediction interval", "H² is Q over"],
                ["tau² is estimated", "Q-profile"],
            ),
            (
                "RR",
                {"model": "uwls"},
                ["Stanley and Doucouliagos", "takes that standard error and a t quantile", "H² is Q over"],
                ["tau² is estimated", "Q-profile", "Wald standard"],
            ),
            (
                "RR",
                {"model": "ivhet"},
                ["IVhet, Doi", "the Wald interval", "Q-profile", "I² is the share of tau²"],
                ["t quantile", "No prediction interval is computed."],
            ),
            (
                "RR",
                {"weights": "equal", "tau2_method": "SJ"},
                ["all studies weighted alike", "a mean with these weights", "Sidik and Jonkman"],
                ["inverse of its variance"],
            ),
            (
                "RR",
                {"weights": "quality", "tau2_method": "GENQ"},
                ["weighted by the column quality of the sheet", "the generalised method of moments"],
                ["inverse of its variance"],
            ),
            ("OR", {"tau2_method": "HS"}, ["the method of Hunter and Schmidt."], []),
            ("OR", {"tau2_method": "HSk"}, ["Hunter and Schmidt, corrected"], []),
            ("OR", {"tau2_method": "EB"}, ["empirical Bayes"], []),
            ("OR", {"tau2_method": "PMM"}, ["median-unbiased"], []),
            ("OR", {"tau2_method": "DL2"}, ["the two-step method of DerSimonian and Kacker"], []),
            ("OR", {"tau2_method": "DL_MH"}, ["Q about the Mantel–Haenszel estimate"], []),
            (
                "RR",
                {"model": "common", "ci_method": "Wald"},
                ["Wald interval, with a normal quantile"],
                ["HKSJ"],
            ),
            (
                "PLO",
                {"model": "binomial_normal"},
                [
                    "binomial-normal generalised linear mixed model",
                    "No continuity correction",
                    "adaptive Gauss–Hermite",
                    "median setting",
                    "population mean",
                    "profile likelihood",
                    "no weights",
                    "likelihood-ratio statistic",
                ],
                ["REML", "HKSJ", "Cochran"],
            ),
            (
                "PLO",
                {"model": "binomial_normal", "ci_method": "Wald", "tau2_ci": None},
                ["Wald interval"],
                ["found by profile"],
            ),
            (
                "PLO",
                {"model": "binomial_normal", "ci_method": "t", "pi_method": "z"},
                ["t quantile", "normal quantile and the maximum"],
                [],
            ),
            (
                "RR",
                {"ci_guard": "ci", "pi_method": "bootstrap", "tau2_ci": "J"},
                ["where the Wald interval is wider, that is kept (Jackson, Law", "Nagashima", "Jackson 2013"],
                ["Röver"],
            ),
            (
                "RR",
                {"ci_guard": "iqwig6", "tau2_ci": "PL"},
                ["DerSimonian–Laird model, its standard error is not", "IQWiG", "profile likelihood"],
                ["Röver"],
            ),
            (
                "IRLN",
                {"model": "poisson_normal", "level": 0.9},
                ["Poisson-normal", "exp of the mean log rate", "The 90% confidence"],
                ["logit"],
            ),
        ],
    )
    def test_choice(self, measure: str, options: dict[str, Any], said: list[str], unsaid: list[str]) -> None:
        text = methods(measure, **options)
        for words in said:
            assert words in text
        for words in unsaid:
            assert words not in text
        assert "no description" not in text

    @pytest.mark.parametrize(
        ("measure", "change", "named"),
        [
            ("XYZ", {}, "The measure XYZ has no description in words here"),
            ("RR", {"model": "multilevel"}, "The model multilevel has no description"),
            ("RR", {"tau2_method": "XX"}, "The estimator of tau² XX has no description"),
            (
                "RR",
                {"ci_guard": "strict"},
                "The confidence interval HKSJ with guard strict has no description",
            ),
            ("RR", {"pi_method": "boot"}, "The prediction interval boot has no description"),
            ("RR", {"tau2_ci": "XX"}, "The interval of tau² XX has no description"),
            (
                "RR",
                {"model": "binomial_normal", "ci_method": "Wald"},
                "The measure RR under this model has no description",
            ),
        ],
    )
    def test_what_it_cannot_describe_is_named(self, measure: str, change: dict[str, Any], named: str) -> None:
        spec = {**ModelSpec().to_dict(), **change}
        sentences = [plain(s) for s in methods_sentences(measure, Node(spec, "analyses.a.spec"))]
        assert any(s.startswith(named) and s.endswith("under analyses.a.spec.") for s in sentences), sentences

    def test_overlap_rule(self) -> None:
        rule = ["most_cohorts", "longest_followup", "largest_n"]
        assert "the largest number of studies, then the longest follow-up, then the most people" in plain(
            overlap_sentence(Node(rule), Node({}))
        )
        assert "the rule newest has no description" in plain(overlap_sentence(Node(["newest"]), Node({})))
        assert plain(overlap_sentence(Node([]), Node({}))).endswith("named in the protocol first.")


class TestQuotable:
    """The one sentence of an analysis, with the caveat that matters most."""

    def test_proportion(self, results: dict[str, Any]) -> None:
        assert quote(results, "trs_total") == (
            "Treatment resistance after a first episode: 17.1 per 100 people (95% CI 12.7 to 22.8) in the "
            "median setting, from 9 studies "
            "with 3\u202f790 people; in a new setting, 5.3 to 43.0 (95% prediction interval). Definitions "
            "differ."
        )

    def test_ratio(self, results: dict[str, Any]) -> None:
        assert quote(results, "clozapine_rr") == (
            "Clozapine against other antipsychotics: risk ratio 1.73 (95% CI 0.95 to 3.15, which includes 1, "
            "no difference), from 4 studies "
            "with 215 against 267 people; in a new setting, 0.31 to 9.60 (95% prediction interval). Four "
            "studies: tau² and the prediction "
            "interval are very uncertain with so few."
        )

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("td_clozapine", "not estimable; shown without a number: Kane1993 (person-years not reported)."),
            ("nothing", "Nothing there: not estimable: no row of the sheet passes its filters."),
            (
                "two",
                "Two studies: they can be averaged, but how far settings differ can hardly be estimated from "
                "two",
            ),
            (
                "one",
                "20.5 per 100 people (95% CI 15.6 to 26.1) in the one study there is, Agid2011 (244 people). "
                "One study: ",
            ),
            (
                "none_had_it",
                "no event in 2 studies with 65 people; the true value is unlikely to lie above 4.50 per 100 "
                "people",
            ),
            ("maxima", "The likelihood has more than one maximum"),
        ],
    )
    def test_status(self, results: dict[str, Any], name: str, words: str) -> None:
        assert words in quote(results, name)

    def test_nothing_but_events(self, results: dict[str, Any]) -> None:
        results["analyses"]["none_had_it"]["fit"]["natural"] = {"value": 1.0, "low": 0.955, "high": 1.0}
        assert (
            "nothing but events in 2 studies with 65 people; the true value is unlikely to lie below 95.5"
            in quote(results, "none_had_it")
        )

    def test_not_converged(self, results: dict[str, Any]) -> None:
        results["analyses"]["trs_total"]["fit"]["status"] = "not_converged"
        assert "the model did not converge on 9 studies, so no number is given." in quote(
            results, "trs_total"
        )

    def test_groups_that_are_not_pooled(self, results: dict[str, Any]) -> None:
        fit = results["analyses"]["trs_total"]["fit"]
        fit.update(status="not_pooled", natural=None, population_mean=None)
        assert "trials 17.1 per 100 people (95% CI 12.7 to 22.8), 4 studies with" in quote(
            results, "trs_total"
        )
        assert "; symptoms 4.8 (95% CI" in quote(results, "trs_total")
        assert "Nothing is pooled across the groups." in quote(results, "trs_total")

    def test_a_mean_that_a_new_setting_need_not_share(self, results: dict[str, Any]) -> None:
        fit = results["analyses"]["clozapine_rr"]["fit"]
        fit.update(k=8)
        fit["natural"] = {
            "value": 1.7,
            "low": 1.2,
            "high": 2.4,
            "prediction_low": 0.8,
            "prediction_high": 3.6,
        }
        assert quote(results, "clozapine_rr").endswith(
            "A new setting may still show no difference: the prediction interval includes 1."
        )

    def test_rates_speak_of_person_years(self, results: dict[str, Any]) -> None:
        results["analyses"]["two"]["unit"]["axis"] = "New cases, per 100 person-years"
        results["analyses"]["two"]["fit"]["totals"] = {"events": 5.0, "time": 1265.5}
        assert "20.0 per 100 person-years (95% CI" in quote(results, "two")
        assert "2 studies with 1\u202f265.5 person-years" in quote(results, "two")


class TestCaveats:
    """Caveats by number of studies and status, in the order in which they matter."""

    def codes(self, results: dict[str, Any], name: str) -> list[str]:
        return [caveat.code for caveat in list_caveats(entry(results, name)[0])]

    @pytest.mark.parametrize(
        ("name", "codes"),
        [
            ("trs_total", ["declared", "settings_differ", "risk_of_bias"]),
            ("clozapine_rr", ["few_studies", "risk_of_bias"]),
            ("td_clozapine", ["not_estimable", "risk_of_bias"]),
            ("two", ["two_studies", "boundary", "risk_of_bias"]),
            ("none_had_it", ["one_sided", "risk_of_bias"]),
            ("one", ["one_study", "risk_of_bias"]),
            ("maxima", ["several_maxima", "risk_of_bias"]),
            ("nothing", ["not_estimable"]),
        ],
    )
    def test_codes(self, results: dict[str, Any], name: str, codes: list[str]) -> None:
        assert self.codes(results, name) == codes

    def test_boundary_gives_its_upper_limit(self, results: dict[str, Any]) -> None:
        found = [c for c in list_caveats(entry(results, "two")[0]) if c.code == "boundary"]
        assert plain(found[0].text) == (
            "tau² is estimated at zero, its boundary; its 95% interval reaches 0.940, so that settings may "
            "differ all the same."
        )

    def test_boundary_without_a_limit(self, results: dict[str, Any]) -> None:
        results["analyses"]["two"]["fit"]["tau2"]["high"] = None
        found = [c for c in list_caveats(entry(results, "two")[0]) if c.code == "boundary"]
        assert plain(found[0].text).endswith("this does not show that settings agree.")

    def test_notes_of_the_fit_are_passed_on(self, results: dict[str, Any]) -> None:
        results["analyses"]["trs_total"]["fit"]["notes"] = ["the Q-profile set for tau2 is empty"]
        assert "note" in self.codes(results, "trs_total")

    def test_an_assessed_study_ends_the_caveat(self, results: dict[str, Any]) -> None:
        results["analyses"]["one"]["study_table"]["rows"][0]["risk_of_bias"] = "low"
        assert "risk_of_bias" not in self.codes(results, "one")


class TestResults:
    """The paragraph of an analysis and of its parts."""

    def said(self, sentences: list[Any]) -> str:
        return " ".join(plain(s) for s in sentences)

    def test_result(self, results: dict[str, Any]) -> None:
        text = self.said(result_sentences(*entry(results, "trs_total")))
        assert "The pooled value is 17.1 per 100 people (95% CI 12.7 to 22.8) for the median setting" in text
        assert "Averaged over settings (population mean) it is 18.8 (95% CI 14.0 to 24.1)." in text
        assert "tau²\u00a00.283 (95% CI 0.110 to 0.940), I²\u00a094%, Q 187 on 8 df (P < 0.001)" in text

    def test_a_ratio_is_called_by_its_name(self, results: dict[str, Any]) -> None:
        text = self.said(result_sentences(*entry(results, "clozapine_rr")))
        assert text.startswith("The pooled risk ratio is 1.73 (95% CI 0.95 to 3.15, which includes 1, no ")

    def test_a_section_does_not_repeat_its_title(self, results: dict[str, Any]) -> None:
        text = self.said(result_sentences(*entry(results, "none_had_it")))
        assert text.startswith("No event in 2 studies with 65 people; ")
        assert self.said(result_sentences(*entry(results, "td_clozapine"))).startswith("Not estimable; shown")

    def test_common_effect_speaks_of_no_tau2(self, results: dict[str, Any]) -> None:
        node, unit = entry(results, "maxima")
        node.value["fit"]["spec"]["model"] = "common"  # type: ignore[index]
        assert "tau²" not in self.said(heterogeneity_sentences(node.at("fit"), unit))

    def test_share_beyond_the_threshold(self, results: dict[str, Any]) -> None:
        analysis = results["analyses"]["trs_total"]
        analysis["share"] = {
            "threshold": 0.2, "beyond": "above", "value": 0.361, "low": 0.0012, "high": 0.6612, "level": 0.95,
            "samples": 2000, "seed": 1, "reason": None,
        }  # fmt: skip
        node = entry(results, "trs_total")[0]
        assert plain(share_sentence(node)) == (
            "An estimated 36% of settings (95% CI <1% to 66%) lie above it, by the normal distribution of "
            "the model; the interval is from 2\u202f000 bootstrap samples of the studies (Mathur and "
            "VanderWeele 2019)."
        )
        analysis["share"] |= {"low": None, "high": None}
        assert "settings lie above it, by the normal distribution of the model (M" in plain(
            share_sentence(node)
        )
        analysis["share"] |= {"value": None, "reason": "tau2 is estimated at 0"}
        assert plain(share_sentence(node)) == (
            "No share of settings beyond it is given: tau² is estimated at 0."
        )
        analysis["share"] = None
        assert not share_sentence(node)

    @pytest.mark.parametrize(("value", "words"), [(20, "includes"), (5, "lies above"), (60, "lies below")])
    def test_threshold(self, results: dict[str, Any], value: float, words: str) -> None:
        results["analyses"]["trs_total"]["threshold"]["value"] = value
        text = plain(threshold_sentence(*entry(results, "trs_total")))
        assert (
            text
            == f"The confidence interval {words} the threshold of {value} per 100 people declared in the "
            "protocol: "
            "one in five (the protocol)."
        )

    def test_subgroups(self, results: dict[str, Any]) -> None:
        group = copy.deepcopy(results["analyses"]["trs_total"]["subgroups"][0])
        text = self.said(subgroup_sentences(Node(group)))
        assert "Test between the groups: chi² 6.21 on 1 df, P = 0.013" in text
        assert "without symptoms (fewer than two studies, or not estimable)" in text
        assert "In no group, because the sheet says nothing: Mena2018." in text
        group["result"]["test"].update(df2=7.4)
        assert "F 6.21 on 1 and 7.4 df" in self.said(subgroup_sentences(Node(group)))
        group["result"]["test"].update(statistic=None, reason="no test: no group has two or more studies")
        group["result"]["common_tau2"] = True
        text = self.said(subgroup_sentences(Node(group)))
        assert "No test: no group has two or more studies." in text
        assert "share one tau²" in text
        group["show_test"] = False
        assert "No test between the groups is declared" in self.said(subgroup_sentences(Node(group)))

    def test_regression(self, results: dict[str, Any]) -> None:
        regression = copy.deepcopy(results["analyses"]["trs_total"]["regressions"][0])
        text = self.said(regression_sentences(Node(regression), "PLO"))
        assert text.startswith(
            "For each further unit of followup_years, the logit changes by 0.0410 (95% CI −0.0290 to 0.111, "
            "P = 0.15, "
        )
        assert "The interval includes zero" in text
        assert "R²" in text
        assert "Not in this regression: Ucok2016." in text
        assert text.endswith("Three are maxima.")
        regression["fit"]["coefficients"]["low"][1] = 0.001
        assert "The interval excludes zero" in self.said(regression_sentences(Node(regression), "PLO"))
        regression["fit"]["status"] = "not_estimable"
        assert (
            self.said(regression_sentences(Node(regression), "PLO"))
            == "The regression cannot be fitted on 9 studies."
        )

    def test_regression_on_a_category(self, results: dict[str, Any]) -> None:
        regression = copy.deepcopy(results["analyses"]["trs_total"]["regressions"][0])
        regression["fit"]["coefficients"]["names"].append("C(design)[T.b]")
        regression["fit"]["moderator_test"].update(df=2, df2=5.0)
        text = self.said(regression_sentences(Node(regression), "PLO"))
        assert "stand in the table" in text
        assert "All moderators together: F 2.05 on 2 and 5 df, P = 0.15." in text

    def test_small_studies(self, results: dict[str, Any]) -> None:
        check = copy.deepcopy(results["analyses"]["trs_total"]["small_study"])
        assert self.said(small_study_sentences(Node(check), "PLO")) == (
            "Small-study effects, regression on 1/n (Peters' form): not done: 9 studies, and a test needs at "
            "least 10."
        )
        check.update(fit=results["analyses"]["trs_total"]["regressions"][0]["fit"], reason=None)
        assert "No sign that small studies find something else" in self.said(
            small_study_sentences(Node(check), "PLO")
        )
        fit = copy.deepcopy(check["fit"])
        fit["coefficients"]["low"][1] = 0.01
        assert "Small studies find something else" in self.said(
            small_study_sentences(Node({**check, "fit": fit}), "PLO")
        )
        assert small_study_sentences(Node(None), "PLO") == []

    def test_refits(self, results: dict[str, Any]) -> None:
        node, unit = entry(results, "trs_total")
        assert plain(left_out_sentence(node.at("leave_one_out"), unit)) == (
            "Leaving out one study at a time, under the same model, moves the pooled value between 15.4 "
            "(without Agid2011) and 19.0 "
            "(without Thien2018)."
        )
        assert plain(cumulative_sentence(node.at("cumulative"), unit)) == (
            "As studies appeared, the pooled value went from 15.4 (1 study) to 19.0 (3 studies)."
        )

    def test_reference_is_never_a_reproduction(self, results: dict[str, Any]) -> None:
        text = plain(reference_sentence(*entry(results, "trs_total")))
        assert "not a reproduction: the study sets differ" in text
        assert "Our own estimate, for comparison: 17.1 per 100 people" in text
        assert reference_sentence(*entry(results, "one")) == ()

    def test_selection(self, results: dict[str, Any]) -> None:
        text = self.said(selection_steps(entry(results, "trs_total")[0]))
        assert text.startswith("30 rows in the sheet trs. Kept where onset is total: 12 taken away, 18 left.")
        assert "1 set aside because they share people" in text


class TestPieces:
    """Small things that sentences are made of."""

    def test_interval_is_written_as_everywhere_else(self) -> None:
        node = Node({"value": 0.1271, "low": 0.1088, "high": 0.147}, "x")
        pieces = bracketed(*(show_number(node.at(name), 1, 100.0) for name in ("value", "low", "high")))
        assert plain(pieces) == interval_text(12.71, 10.88, 14.7, 1)

    def test_a_node_knows_its_address_and_reads_infinities(self) -> None:
        node = Node({"a": [{"b": "-Inf"}]})
        assert node.at("a", 0, "b").path == "a.0.b"
        assert node.at("a", 0, "b").number() == float("-inf")
        assert node.at("a", 5, "b").value is None
        assert node.at("a", "b", "c").number() is None

    def test_text_is_cleaned(self) -> None:
        assert clean_text("a\u202eb\u0000c\n d") == "a b c d"
        assert clean_text("x" * 700).endswith("…")

    @pytest.mark.parametrize(
        "text",
        [
            "javascript:alert(1)",
            "ftp://x.example",
            "https://",
            "//x.example",
            'https://x.example/"onload=1',
            "https://x y",
            "data:text/html,x",
            "https://x.example/<b>",
            "http://[::1",
            "https://x.example/\u202e",
        ],
    )
    def test_no_web_address(self, text: str) -> None:
        assert http_address(text) is None

    def test_addresses(self) -> None:
        assert address_pieces("https://a.example/1 ; javascript:x") == (
            Link("a.example", "https://a.example/1"),
            ", javascript:x",
        )
        assert address_pieces("") == ("–",)


def test_every_analysis_has_a_card_a_method_and_a_section(results: dict[str, Any]) -> None:
    view = build_context(results)
    assert len(view.cards) == len(view.analyses) == len(results["analyses"])
    assert sum(len(method.analyses) for method in view.methods) == len(results["analyses"])


class TestTables:
    """What tables hold beyond the numbers of a fit."""

    def test_counts_have_the_protocols_words(self, results: dict[str, Any]) -> None:
        view = {a.anchor: a for a in build_context(results).analyses}
        headings = [c.heading for c in view["trs_total"].studies.hidden[0].columns]
        assert headings[:5] == ["Study", "Years", "Resistant", "People", "Per 100 [CI]"]
        headings = [c.heading for c in view["clozapine_rr"].studies.hidden[0].columns]
        assert headings[1:5] == ["Events, clozapine", "People, clozapine", "Events, other", "People, other"]
        assert "Not used because" in headings

    def test_marked_descriptors_carry_their_sign(self, results: dict[str, Any]) -> None:
        table = build_context(results).analyses[0].studies.hidden[0]
        assert plain(table.rows[0].cells[1]) == "5†"
        assert plain(table.rows[1].cells[1]) == "5"
        assert "† maximum." in [plain(note) for note in table.notes]

    def test_a_regression_shows_what_it_rests_on(self, results: dict[str, Any]) -> None:
        block = next(b for b in build_context(results).analyses[0].blocks if b.title == "Against follow-up")
        table = block.hidden[0]
        assert [c.heading for c in table.columns] == [
            "Study",
            "followup_years",
            "followup_kind",
            "Not used because",
        ]
        assert [plain(c) for c in table.rows[0].cells] == ["Agid2011", "5.5", "maximum", ""]
        assert [plain(c) for c in table.rows[-1].cells] == [
            "Ucok2016",
            "–",
            "–",
            "followup_years not reported",
        ]

    def test_one_study_has_no_tau2_to_show(self, results: dict[str, Any]) -> None:
        view = {a.anchor: a for a in build_context(results).analyses}
        assert not any("tau²" in plain(row.cells[0]) for row in view["one"].summary.rows)
        assert any("tau²" in plain(row.cells[0]) for row in view["two"].summary.rows)
