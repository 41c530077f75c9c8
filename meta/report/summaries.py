"""Tables of results: at a glance, one analysis, subgroups, regressions, refits, outside references."""

from __future__ import annotations

import re

from meta.options import GLMMS, WITHOUT_TAU2, interval_names
from meta.report.cluster_words import rows_text, studies_node
from meta.report.glmm_words import component_name
from meta.report.origins import source_cell
from meta.report.pieces import (
    Link,
    Node,
    Piece,
    Sentence,
    Shown,
    Unit,
    bracketed,
    join,
    linked,
    number_pieces,
    plain,
    show_count,
    show_df,
    show_level,
    show_p,
    show_p_cell,
    show_percent,
    show_significant,
    show_tau2,
    upper_first,
)
from meta.report.sentences import anchor_of, people_text
from meta.report.views import Column, Row, Table, row
from meta.report.words import MEASURES
from meta.tables.numbers import MISSING, column_decimals, count_text


def glance_table(analyses: list[tuple[Node, Unit]]) -> Table:
    """Return every analysis on one line: studies, people, estimate, prediction interval, I2."""
    rows = []
    for analysis, unit in analyses:
        fit, anchor = analysis.at("fit"), anchor_of(analysis)
        natural = fit.at("natural")
        behind = f"#{anchor}-studies"
        estimate = unit.interval(natural.at("value"), natural.at("low"), natural.at("high"))
        rows.append(
            row(
                Link(analysis.at("title").text(), f"#{anchor}"),
                show_count(studies_node(fit), behind),
                people_text(fit, unit) or MISSING,
                linked(estimate[:1], behind) + estimate[1:],
                unit.heading,
                _prediction(fit, unit),
                show_percent(fit.at("heterogeneity", "i2")),
            )
        )
    columns = (
        Column("Analysis", wide=True),
        Column("Studies", number=True),
        Column("People or time", number=True),
        Column("Estimate [CI]", number=True),
        Column("Unit"),
        Column("Prediction interval", number=True),
        Column("I²", number=True),
    )
    note = "An en dash stands where a number does not exist. Numbers lead to the studies behind them."
    return Table("All analyses at a glance", columns, tuple(rows), ((note,),))


def _prediction(fit: Node, unit: Unit) -> Sentence:
    natural = fit.at("natural")
    return unit.range(natural.at("prediction_low"), natural.at("prediction_high"))


def summary_table(analysis: Node, unit: Unit) -> Table:
    """Return the numbers of one fit, one a line."""
    fit = analysis.at("fit")
    rows = [*_pooled_rows(analysis, unit), *_spread_rows(fit), *_basis_rows(fit, unit)]
    kept = tuple(r for r in rows if plain(r.cells[1]) not in ("", MISSING))
    return Table(
        f"Summary: {analysis.at('title').text()}", (Column("Quantity"), Column("Value", number=True)), kept
    )


def _pooled_rows(analysis: Node, unit: Unit) -> list[Row]:
    fit = analysis.at("fit")
    natural, mean, estimate = fit.at("natural"), fit.at("population_mean"), fit.at("estimate")
    level, (short, _) = show_level(fit.at("spec", "level")), interval_names(fit.at("spec", "model").text())
    what = (
        f"{upper_first(unit.before)}" if unit.before else f"Estimate{',' if unit.after else ''}{unit.after}"
    )
    setting = ", median setting" if mean.exists else ""
    pooled = unit.interval(natural.at("value"), natural.at("low"), natural.at("high"))
    rows = [row(join(f"{what}{setting} [", level, f" {short}]"), pooled, strong=True)]
    if mean.exists:
        rows.append(
            row(
                join("Population mean, average over settings [", level, " CI]"),
                unit.interval(mean.at("value"), mean.at("low"), mean.at("high")),
            )
        )
    if natural.at("prediction_low").exists:
        rows.append(row(join(level, " prediction interval, new setting"), _prediction(fit, unit)))
    if estimate.exists:
        words = MEASURES.get(analysis.at("measure").text())
        scale = words.scale.removeprefix("the ") if words else "analysis scale"
        numbers = bracketed(*(show_significant(estimate.at(name)) for name in ("value", "low", "high")))
        rows.append(row(f"On the analysis scale ({scale})", numbers))
        spread = "Standard error" if short == "CI" else "Posterior standard deviation"
        rows.append(row(f"{spread} on that scale", show_significant(estimate.at("se"))))
        if words is not None and words.null is not None:
            rows.append(row("Test of no difference", show_p(estimate.at("p"))))
    return rows


def _spread_rows(fit: Node) -> list[Row]:
    tau2, spread = fit.at("tau2"), fit.at("heterogeneity")
    held = not fit.at("spec", "tau2_method").text()
    common = held or fit.at("spec", "model").text() in WITHOUT_TAU2
    glmm = spread.at("q_wald").exists or fit.at("spec", "model").text() in GLMMS
    short, _ = interval_names(fit.at("spec", "model").text())
    rows = []
    if tau2.exists and not common and fit.at("k").number() != 1:
        rows.append(
            row(
                join("tau² [", show_level(fit.at("spec", "level")), f" {short}]"),
                bracketed(*(show_tau2(tau2.at(name)) for name in ("value", "low", "high"))),
            )
        )
    for component in fit.at("components").each():
        if fit.at("spec", "model").text() in GLMMS:
            value = bracketed(*(show_tau2(component.at(name)) for name in ("value", "low", "high")))
            rows.append(row(component_name(component), value))
    shares = bracketed(*(show_percent(spread.at(name)) for name in ("i2", "i2_low", "i2_high")))
    head = join("I² [", show_level(fit.at("spec", "level")), f" {short}]") if len(shares) > 1 else "I²"
    rows.append(row(head, shares))
    name = "Q (likelihood ratio)" if glmm else "Q (Cochran)"
    rows.append(row(name, _q_text(spread, "q", "df", "p")))
    if spread.at("q_wald").exists:
        rows.append(
            row(
                "Q (inverse variance, studies without a zero cell)",
                _q_text(spread, "q_wald", "q_wald_df", "q_wald_p"),
            )
        )
    return rows


def _q_text(spread: Node, q: str, df: str, p: str) -> Sentence:
    if not spread.at(q).exists:
        return (MISSING,)
    return join(show_significant(spread.at(q)), ", df ", show_df(spread.at(df)), ", ", show_p(spread.at(p)))


def _basis_rows(fit: Node, unit: Unit) -> list[Row]:
    totals = fit.at("totals")
    rows = [
        row("Studies (k)", show_count(fit.at("k")))
        if not fit.at("clusters").exists
        else row("Rows (k) and their studies", rows_text(fit)),
        row("People" if not totals.at("time").exists else "Time", people_text(fit, unit)),
    ]
    if totals.at("events").exists:
        rows.append(row("Events", show_count(totals.at("events"))))
    if totals.at("events1").exists:
        rows.append(
            row(
                "Events",
                join(show_count(totals.at("events1")), " against ", show_count(totals.at("events2"))),
            )
        )
    status = fit.at("status").text()
    rows.append(row("Status", "" if status == "ok" else status.replace("_", " ")))
    return rows


def subgroup_table(group: Node, unit: Unit, title: str) -> Table:
    """Return one line a group: studies, people, estimate, prediction interval, tau2, I2."""
    result = group.at("result")
    rows = []
    for i, level in enumerate(result.at("levels").each()):
        fit = result.at("fits", i)
        natural = fit.at("natural")
        status = fit.at("status").text().replace("_", " ")
        rows.append(
            row(
                level.text(),
                show_count(studies_node(fit)),
                people_text(fit, unit) or MISSING,
                unit.interval(natural.at("value"), natural.at("low"), natural.at("high")),
                _prediction(fit, unit),
                _spread_beside(fit),
                show_percent(fit.at("heterogeneity", "i2")),
                "" if status == "ok" else status,
            )
        )
    columns = (
        Column("Group"),
        Column("Studies", number=True),
        Column("People or time", number=True),
        Column("Estimate [CI]", number=True),
        Column("Prediction interval", number=True),
        Column("tau² [CI]", number=True),
        Column("I²", number=True),
        Column("Status"),
    )
    return Table(title, columns, tuple(rows))


def _spread_beside(fit: Node) -> Sentence:
    """Show tau2 of a group with its interval; groups are set beside each other, and not tested."""
    if fit.at("k").number() == 1:
        return (MISSING,)
    return bracketed(*(show_tau2(fit.at("tau2", name)) for name in ("value", "low", "high")))


def _spread_of_several(tau2: Node, k: Node) -> Piece:
    """Show tau2, but not of one study, which has none to show."""
    return MISSING if k.number() == 1 else show_tau2(tau2)


def coefficient_table(fit: Node, measure: str, title: str, permuted: Node) -> Table:
    """Return one line a coefficient, on the analysis scale; P by permutation beside it where there is one."""
    coefficients = fit.at("coefficients")
    scale = MEASURES[measure].scale.removeprefix("the ") if measure in MEASURES else "analysis scale"
    rows = [
        row(
            name.text(),
            bracketed(*(show_significant(coefficients.at(part, i)) for part in ("value", "low", "high"))),
            show_significant(coefficients.at("se", i)),
            show_p_cell(coefficients.at("p", i)),
            *((show_p_cell(permuted.at("p", i)),) if permuted.exists else ()),
        )
        for i, name in enumerate(coefficients.at("names").each())
    ]
    columns = (
        Column("Term"),
        Column(f"Coefficient [CI], {scale}", number=True),
        Column("SE", number=True),
        Column("P", number=True),
        *((Column("P by permutation", number=True),) if permuted.exists else ()),
    )
    return Table(title, columns, tuple(rows))


def covariate_table(analysis: Node, regression: Node, title: str) -> Table:
    """Return what a regression rests on: its columns and those shown beside them, study by study."""
    formula, shown = regression.at("formula").text(), [name.text() for name in regression.at("show").each()]
    known = {name: node for name, node in analysis.at("covariates").items()}
    names = [
        name for name in known if name in shown or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", formula)
    ]
    numeric = {name: any(cell.number() is not None for _, cell in known[name].items()) for name in names}
    rows = []
    for study in regression.at("fit", "studies").each():
        label, used = str(study.at("label").value), study.at("used").is_true()
        cells = [known[name].at(label) for name in names]
        rows.append(
            row(
                study.at("label").label(),
                *(
                    show_count(c) if numeric[n] else c.text() or MISSING
                    for n, c in zip(names, cells, strict=True)
                ),
                "" if used else study.at("reason").text(),
                muted=not used,
            )
        )
    columns = (
        Column("Study"),
        *(Column(n, number=numeric[n]) for n in names),
        Column("Not used because", wide=True),
    )
    return Table(title, columns, tuple(rows) if names else ())


def refits_table(refits: Node, unit: Unit, first: str, title: str) -> Table:
    """Return one line a refit: studies, estimate, prediction interval, tau2, I2, a word where needed."""
    rows = []
    for i, label in enumerate(refits.at("labels").each()):
        status, note = refits.at("status", i).text(), refits.at("notes", i).text()
        words = [word for word in (note, "" if status == "ok" else status.replace("_", " ")) if word]
        rows.append(
            row(
                label.text(),
                show_count(refits.at("k", i)),
                unit.interval(
                    refits.at("natural", i), refits.at("natural_low", i), refits.at("natural_high", i)
                ),
                unit.range(refits.at("natural_prediction_low", i), refits.at("natural_prediction_high", i)),
                _spread_of_several(refits.at("tau2", i), refits.at("k", i)),
                show_percent(refits.at("i2", i)),
                "; ".join(words),
            )
        )
    columns = (
        Column(first),
        Column("Rows" if refits.at("spec", "cluster").exists else "Studies", number=True),
        Column("Estimate [CI]", number=True),
        Column("Prediction interval", number=True),
        Column("tau²", number=True),
        Column("I²", number=True),
        Column("Note"),
    )
    return Table(title, columns, tuple(rows))


def reference_table(analysis: Node, unit: Unit, title: str) -> Table:
    """Return what others found, in their own units, and our own estimate as the last line."""
    rows = [_reference_row(target) for target in analysis.at("targets").each()]
    fit = analysis.at("fit")
    if rows and fit.at("natural").exists:
        natural = fit.at("natural")
        rows.append(
            row(
                "This review",
                analysis.at("title").text(),
                show_count(studies_node(fit)),
                people_text(fit, unit) or MISSING,
                unit.interval(natural.at("value"), natural.at("low"), natural.at("high")),
                unit.heading,
                "",
                strong=True,
            )
        )
    columns = (
        Column("Source", wide=True),
        Column("What", wide=True),
        Column("Studies", number=True),
        Column("People", number=True),
        Column("Estimate [CI]", number=True),
        Column("Unit"),
        Column("Note", wide=True),
    )
    return Table(title, columns, tuple(rows))


def _reference_row(target: Node) -> Row:
    values = [target.at(name) for name in ("estimate", "low", "high")]
    estimate: tuple[Piece, Piece, Piece] = number_pieces(
        values, column_decimals([[v.number() for v in values]])
    )
    unit = target.at("unit").text() or target.at("measure").text()
    return row(
        source_cell(target.at("source").text(), target.at("source_url").text()),
        target.at("analysis").text(),
        _count_or_text(target.at("k")),
        _count_or_text(target.at("n")),
        bracketed(*estimate),
        unit,
        target.at("note").text(),
    )


def _count_or_text(node: Node) -> Piece:
    """Show a count, which a sheet of references may hold as text; some sources say ``32 arms``."""
    text = node.text()
    if text.isascii() and text.isdigit():
        return Shown(count_text(int(text)), node.path, style=node.style)
    return show_count(node) if node.number() is not None else text or MISSING
